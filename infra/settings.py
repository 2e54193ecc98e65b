"""The only reader of the environment: one frozen object, checked when it is made."""

from __future__ import annotations

import os
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent
RULEBOOKS = ROOT / "rules"
TEMPLATES = ROOT / "templates"


class SettingsFault(Exception):
    """A setting is missing or wrong; the text names it and says how to mend it."""


class Settings(BaseSettings):
    """Settings of one process, from ``MINSHENG_*`` variables or ``.env``; addresses without a trailing slash."""

    model_config = SettingsConfigDict(env_prefix="MINSHENG_", env_file=".env", extra="ignore", frozen=True)

    database_url: str = Field("", description="Ledger: sqlite+aiosqlite:///file or postgresql+asyncpg://user@host/name")
    smtp_url: str = Field(
        "smtp://127.0.0.1:2525", description="smtp://, smtp+starttls:// or smtps://user:password@host:port"
    )
    mail_from: str = Field("minsheng@minsheng.example", description="Sender address of every letter")
    portal_url: str = Field("http://127.0.0.1:8080", description="Public address of the portal, used in letters")
    portal_host: str = Field("127.0.0.1", description="Address the portal listens on")
    portal_port: int = Field(8080, description="Port the portal listens on")
    metrics_host: str = Field("127.0.0.1", description="Address at which a worker answers Prometheus")
    metrics_port: int = Field(0, ge=0, le=65535, description="Port at which a worker answers Prometheus; 0: nowhere")
    mailbox_url: str = Field("", description="Address of the mail catcher's pages, when one runs")
    prefect_ui_url: str = Field("", description="Address of the Prefect UI that the desk's links open")
    secret_key: SecretStr = Field(
        SecretStr(""), description="Signs links and seals personal data; at least 32 characters"
    )
    rulebook: str = Field("qingdao", description="Name of a folder in rules/, or a path to one")
    approval: Literal["folder", "required"] = Field(
        "folder", description="folder: `minsheng deploy` puts a changed folder in force; required: it only submits it"
    )
    service_runs_days: int = Field(
        1, ge=0, description="Days that completed runs of the pulse and other service flows stay in Prefect"
    )
    locale: str = Field("zh_CN", description="zh_CN or en")
    data_dir: Path = Field(Path(".minsheng"), description="Where the embedded default keeps its files")

    @field_validator("portal_url", "mailbox_url", "prefect_ui_url")
    @classmethod
    def _no_trailing_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and len(value.get_secret_value()) < 32:
            raise ValueError("needs at least 32 characters; make one with: openssl rand -hex 32")
        return value

    @property
    def ledger_url(self) -> str:
        """The ledger's address; the embedded default is a SQLite file in the data folder."""
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir.resolve() / 'ledger.db'}"

    @property
    def rulebook_dir(self) -> Path:
        named = RULEBOOKS / self.rulebook
        return named if named.is_dir() else Path(self.rulebook)

    @cached_property
    def secret(self) -> str:
        """The secret key; the embedded default keeps its own in the data folder."""
        if value := self.secret_key.get_secret_value():
            return value
        kept = self.data_dir / "secret.key"
        if not kept.exists():
            raise SettingsFault(
                "MINSHENG_SECRET_KEY is not set: make one with `openssl rand -hex 32`, or start with `minsheng up`"
            )
        return kept.read_text("utf-8").strip()


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process. Raises :class:`SettingsFault` naming every wrong variable."""
    try:
        return Settings()
    except ValidationError as fault:
        lines = [f"MINSHENG_{str(e['loc'][0]).upper()}: {e['msg']}" for e in fault.errors()]
        raise SettingsFault("; ".join(lines)) from None


def prefect_api_url() -> str:
    """Prefect's own ``PREFECT_API_URL``; without it Prefect would start a hidden server of its own (P58)."""
    url = os.environ.get("PREFECT_API_URL", "").rstrip("/")
    if not url:
        raise SettingsFault(
            "PREFECT_API_URL is not set: point it at the Prefect server, for example http://127.0.0.1:4200/api"
        )
    return url


def traces_endpoint() -> str:
    """OpenTelemetry's own ``OTEL_EXPORTER_OTLP_ENDPOINT``; empty when nobody wants traces."""
    return os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")


def prefect_auth() -> str:
    """Prefect's ``PREFECT_API_AUTH_STRING`` (``user:password``); empty when the server asks for none."""
    return os.environ.get("PREFECT_API_AUTH_STRING", "")
