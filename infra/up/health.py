"""限时反馈: a part is well when it answers, not when its process exists."""

from __future__ import annotations

import socket

import requests

from infra.deployments import POOL
from infra.settings import prefect_auth

TIMEOUT = 1.0

_http = requests.Session()
_http.trust_env = False  # a proxy meant for the world outside must not be asked about our own parts


def answers(url: str) -> bool:
    """Whether ``url`` answers 200 within a second."""
    try:
        return _http.get(url, timeout=TIMEOUT).status_code == 200
    except requests.RequestException:
        return False


def listens(host: str, port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=TIMEOUT):
            return True
    except OSError:
        return False


def worker_online(api: str, name: str) -> bool:
    """Whether Prefect has heard a heartbeat of that worker lately."""
    user, _, password = prefect_auth().partition(":")
    try:
        url, auth = f"{api}/work_pools/{POOL}/workers/filter", (user, password) if user else None
        reply = _http.post(url, json={"limit": 50}, timeout=TIMEOUT, auth=auth)
        return reply.ok and any(w["name"] == name and w["status"] == "ONLINE" for w in reply.json())
    except (requests.RequestException, ValueError):
        return False
