"""只闻声不见面: everything a citizen or a department does, done over HTTP with the links they were sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin

import requests

from infra.demo.forms import forms_of

TIMEOUT = 20
NOT_ALLOWED, GONE = 409, 410


class Declined(Exception):
    """The portal did not take it, and says why; trying the same again is of no use now."""


class Spent(Exception):
    """The link is no longer of use: its task has ended."""


class Visitor:
    """One person's browser: cookies are its own, proxies are not asked for local addresses."""

    def __init__(self, portal: str) -> None:
        self.portal = portal
        self.http = requests.Session()
        self.http.trust_env = False

    def submit(self, complaint: Mapping[str, Any], key: str) -> dict[str, str]:
        """Hand a complaint in; the same key gives the same number again."""
        url, headers = f"{self.portal}/api/v1/complaints", {"Idempotency-Key": key}
        return self._json(self.http.post(url, json=dict(complaint), headers=headers, timeout=TIMEOUT))

    def case(self, number: str, key: str) -> dict[str, Any]:
        """How the case stands, as its citizen may see it."""
        url = f"{self.portal}/api/v1/complaints/{number}"
        return self._json(self.http.get(url, params={"key": key}, timeout=TIMEOUT))

    def task(self, token: str) -> dict[str, Any]:
        """The allowed actions of a task link. Raises :class:`Spent`."""
        return self._json(self.http.get(f"{self.portal}/api/v1/task/{token}", timeout=TIMEOUT))

    def act(self, token: str, action: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Act as a program. Raises :class:`Declined` or :class:`Spent`."""
        body = {"action": action, "fields": dict(fields)}
        return self._json(self.http.post(f"{self.portal}/api/v1/task/{token}", json=body, timeout=TIMEOUT))

    def actions_on(self, page: str) -> list[str]:
        """Names of the forms on a page."""
        return list(forms_of(self._page(self.http.get(page, timeout=TIMEOUT))))

    def act_on(self, page: str, action: str, fields: Mapping[str, Any]) -> None:
        """Act as a person: open the page, fill in the form of that name, send it."""
        opened = self.http.get(page, timeout=TIMEOUT)
        form = forms_of(self._page(opened)).get(action)
        if form is None:
            raise Declined(f"the page has no form for {action}")
        target = urljoin(opened.url, form.target or opened.url)
        filled, headers = {**form.values, **fields}, {"Referer": opened.url}
        self._page(self.http.post(target, data=filled, headers=headers, timeout=TIMEOUT))

    def _json(self, reply: requests.Response) -> dict[str, Any]:
        self._check(reply)
        found: dict[str, Any] = reply.json()
        return found

    def _page(self, reply: requests.Response) -> str:
        self._check(reply)
        return reply.text

    def _check(self, reply: requests.Response) -> None:
        if reply.status_code == GONE:
            raise Spent(reply.url)
        if 400 <= reply.status_code < 500:
            raise Declined(f"{reply.status_code} {reply.text[:300]}")
        reply.raise_for_status()
