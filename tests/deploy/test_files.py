"""What infra/deploy says can be believed: every file is valid, and names only what the programs know."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import typer
from check_jsonschema.builtin_schemas import get_builtin_schema
from prefect.settings import Settings as PrefectSettings
from prefect.settings.legacy import _get_settings_fields
from prefect_redis.client import RedisMessagingSettings

from infra.cli import app
from infra.deployments import AT_ONCE, SERVER, WORKER
from infra.settings import ROOT, Settings
from tests.deploy.files import (
    DEPLOY,
    INSTALLED,
    UNITS,
    chart_environment,
    commands,
    compose,
    config_map,
    containers,
    environments,
    first_containers,
    kustomization,
    objects,
    pods,
    unit_environment,
    unless_told,
)

OURS = {f"MINSHENG_{name.upper()}" for name in Settings.model_fields}
PREFECT = {name for name in _get_settings_fields(PrefectSettings) if name.startswith("PREFECT_")}
REDIS = {f"PREFECT_REDIS_MESSAGING_{name.upper()}" for name in RedisMessagingSettings.model_fields}
OTHERS = {"DO_NOT_TRACK", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS"}
FOREIGN = {"compose postgres", "compose mail"}
"""Images of others, with settings of their own."""
README = (DEPLOY / "README.md").read_text("utf-8")


def test_the_compose_file_is_valid():
    jsonschema.validate(compose(), get_builtin_schema("vendor.compose-spec"))


def test_compose_finds_a_name_behind_every_dollar():
    text = (DEPLOY / "compose.yaml").read_text("utf-8")
    assert re.findall(r"\$(?!\{[A-Z_]+(:[-?][^{}$]*)?\})", text) == []


@pytest.mark.parametrize(("where", "one"), objects(), ids=[where for where, _ in objects()])
def test_kubernetes_takes_every_object(where: str, one: dict):
    kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)


def test_the_kustomization_names_every_file_and_no_other():
    files = {p.relative_to(DEPLOY).as_posix() for p in (DEPLOY / "kubernetes").glob("*.yaml")}
    assert set(kustomization()["resources"]) == files
    given = [file for made in kustomization()["configMapGenerator"] for file in made["files"]]
    assert all((DEPLOY / file).is_file() for file in given)


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not here; the other tests read the files")
def test_kustomize_renders_all_of_it():
    done = subprocess.run(["kubectl", "kustomize", DEPLOY], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\nkind: ") == len(objects()) + len(kustomization()["configMapGenerator"])
    assert "image: minsheng\n" not in done.stdout


@pytest.mark.parametrize("where", environments())
def test_every_setting_is_one_that_the_programs_read(where: str):
    told = set() if where in FOREIGN else set(environments()[where])
    assert told - OURS - PREFECT - REDIS - OTHERS == set()


def test_a_worker_carries_as_many_cases_everywhere():
    limits = {where: told[told.index("--limit") + 1] for where, told in commands() if "--limit" in told}
    assert len(limits) == 3, "compose, Kubernetes, systemd"
    assert set(limits.values()) == {str(AT_ONCE)}


@pytest.mark.parametrize(
    ("told", "needed"),
    [
        (compose()["x-prefect"], SERVER),
        (compose()["x-ours"], WORKER),
        (config_map("prefect-server"), SERVER),
        (config_map("minsheng"), {n: v for n, v in WORKER.items() if n != "PREFECT_WORKER_WEBSERVER_HOST"}),
        (chart_environment(), SERVER),
        (unit_environment(), SERVER | WORKER),
    ],
    ids=["compose servers", "compose ours", "kubernetes servers", "kubernetes ours", "chart", "systemd"],
)
def test_what_prefect_must_be_told_is_told_everywhere(told: dict, needed: dict):
    assert {name: unless_told(told.get(name, "")) for name in needed} == needed


@pytest.mark.parametrize(("where", "command"), commands(), ids=[where for where, _ in commands()])
def test_every_command_exists(where: str, command: list[str]):
    program, *rest = command
    match program:
        case "minsheng":
            found = typer.main.get_command(app)
            for word in rest:
                found = found.commands[word]  # type: ignore[attr-defined]  # a group until the last word
        case "python":
            assert rest[0] == "-m" and find_spec(rest[1])
            assert rest[1] != "infra.prefect_server" or _unknown_options(rest[2:]) == []
        case "prefect":
            assert _unknown_options(rest) == []
        case _ if program.startswith(INSTALLED):
            assert (ROOT / program.removeprefix(INSTALLED)).stat().st_mode & 0o111
        case _:
            assert program in {"postgres", "redis-server", "/bin/sh"}


def _unknown_options(words: list[str]) -> list[str]:
    """Options that Prefect's command does not have."""
    known = _prefect_help(tuple(words[: words.index("start") + 1]))
    return [word for word in words if word.startswith("--") and word not in known]


@lru_cache
def _prefect_help(words: tuple[str, ...]) -> str:
    command = [sys.executable, "-m", "prefect", *words, "--help"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(("where", "pod"), pods(), ids=[where for where, _ in pods()])
def test_no_pod_is_root_or_reads_the_environment_of_services(where: str, pod: dict):
    spec = pod["spec"]
    assert spec["securityContext"]["runAsNonRoot"] and not spec["automountServiceAccountToken"]
    assert spec["enableServiceLinks"] is False  # PREFECT_API_PORT of a service is no port


@pytest.mark.parametrize(("where", "one"), containers(), ids=[where for where, _ in containers()])
def test_every_container_is_bounded_and_watched(where: str, one: dict):
    assert one["resources"]["limits"]["memory"] and one["resources"]["requests"]["cpu"]
    assert one["securityContext"]["readOnlyRootFilesystem"]
    assert one["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    kind, name = where.split()
    if kind in {"Deployment", "StatefulSet"} and name != "prefect-services":  # it listens nowhere; its end is seen
        assert "livenessProbe" in one


def test_no_code_of_ours_begins_on_tables_of_the_release_before():
    """Kubernetes starts everything of a release at once; compose and systemd have their order."""
    ours = {where for where, one in containers() if one["image"] == "minsheng"}
    first = {where: one["command"] for where, one in first_containers()}
    assert set(first) == ours
    prefect = {"Deployment prefect-api", "Deployment prefect-services"}
    for where, command in first.items():
        tables = "prefect-tables" if where in prefect else "ledger-tables"
        assert command == compose()["services"][tables]["command"], where


def test_nothing_but_the_program_goes_into_the_image():
    """Keys, settings and backups may lie beside compose.yaml."""
    told = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert told[1] == "*", "nothing that is not named"
    named = {line[1:] for line in told if line.startswith("!")}
    copied = set(re.findall(r"^COPY (?!--)(.+) \S+$", (DEPLOY / "Dockerfile").read_text("utf-8"), re.M))
    assert named == {name for line in copied for name in line.split()}
    assert told.index("!infra") < told.index("infra/deploy/*") < told.index("!infra/deploy/requirements.lock")


def test_nobody_sends_mail_under_a_domain_that_the_relay_refuses():
    relay = compose()["services"]["mail"]["environment"]
    for told in (compose()["x-ours"]["MINSHENG_MAIL_FROM"], relay["ALLOWED_SENDER_DOMAINS"]):
        assert re.findall(r"\{([A-Z_]+)", told) == ["MAIL_DOMAIN"]


def test_selectors_and_policies_name_pods_that_exist():
    label = "app.kubernetes.io/name"
    there = {pod["metadata"]["labels"][label] for _, pod in pods()}
    services = [s["spec"] for w, s in objects() if w.startswith("Service ")]
    chosen = {spec["selector"][label] for spec in services if "selector" in spec}
    assert chosen <= there
    for where, one in objects():
        if where.startswith(("NetworkPolicy", "PodDisruptionBudget")):
            spec = one["spec"]
            assert (spec.get("podSelector") or spec["selector"])["matchLabels"][label] in there


def test_compose_bounds_and_watches_what_stays():
    for name, service in compose()["services"].items():
        if service.get("restart") == "unless-stopped":
            assert service["deploy"]["resources"]["limits"]["memory"], name
            assert "healthcheck" in service or name in {"prefect-services", "proxy", "mail"}, name


def test_no_secret_stands_in_a_file_and_each_one_is_explained():
    asked = set(re.findall(r"\$\{([A-Z_]+):\?", (DEPLOY / "compose.yaml").read_text("utf-8")))
    keys = {e["valueFrom"]["secretKeyRef"]["key"] for _, one in containers() for e in one.get("env", [])}
    assert [name for name in asked | keys if name not in README] == []
    empty = [name for name, value in unit_environment().items() if "SECRET" in name or "AUTH" in name if value]
    assert empty == []
    assert not [where for where, _ in objects() if where.startswith("Secret ")]


def test_the_readme_names_every_file():
    files = [p for p in DEPLOY.rglob("*") if p.is_file() and p.parent.name not in {"systemd", "kubernetes"}]
    assert [p.name for p in files if p.name not in README and p.name != "README.md"] == []


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not here")
def test_systemd_takes_the_units(tmp_path: Path):
    for unit in UNITS.glob("minsheng*"):
        here = unit.read_text("utf-8").replace(f"{INSTALLED}.venv/bin/", f"{Path(sys.executable).parent}/")
        here = here.replace(INSTALLED, f"{ROOT}/").replace("User=minsheng\nGroup=minsheng\n", "")
        (tmp_path / unit.name).write_text(here, "utf-8")
    names = [p.name for p in sorted(tmp_path.glob("minsheng*")) if "@" not in p.name]
    for name in [*names, "minsheng-portal@8081.service", "minsheng-worker@1.service"]:
        verify = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", tmp_path / name]
        done = subprocess.run(verify, capture_output=True, text=True, check=False, cwd=tmp_path)
        ours = [line for line in done.stderr.splitlines() if "minsheng" in line and "postgresql" not in line]
        assert ours == [], name


@pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not here")
@pytest.mark.parametrize("file", ["nginx.conf", "systemd/nginx-site.conf"])
def test_nginx_takes_the_file(file: str, tmp_path: Path):
    key, certificate = tmp_path / "key.pem", tmp_path / "fullchain.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=minsheng.example", "-days", "2"]
    subprocess.run([*make, "-keyout", key, "-out", certificate], capture_output=True, check=True)
    text = re.sub("/etc/nginx/tls|/var/log/nginx", str(tmp_path), (DEPLOY / file).read_text("utf-8"))
    whole = text if "events {" in text else f"events {{}}\nhttp {{\n{text}\n}}\n"
    (tmp_path / "nginx.conf").write_text(whole, "utf-8")
    done = subprocess.run(
        ["nginx", "-t", "-e", "stderr", "-p", tmp_path, "-c", tmp_path / "nginx.conf"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "syntax is ok" in done.stderr, done.stderr
