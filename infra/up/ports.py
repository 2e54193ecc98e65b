"""随时提: whoever starts Minsheng learns at once, and in one sentence, when an address is taken."""

from __future__ import annotations

import socket

from infra.mistakes import Mistake

LOCAL = "127.0.0.1"


class Ports:
    """Ports that are free now, none given twice."""

    def __init__(self, portal_host: str) -> None:
        self.hosts = {LOCAL, portal_host}
        self.given: set[int] = set()

    def take(self, port: int, option: str, whose: str) -> int:
        if not 0 <= port <= 65535:
            raise Mistake(f"{option} must be between 0 and 65535")
        if port == 0:
            return self.near(_any_port())
        if port in self.given:
            raise Mistake(f"port {port} is wanted twice; choose another for {whose} with {option}")
        if not self._free(port):
            raise Mistake(f"port {port} is in use or not allowed; choose another for {whose} with {option}")
        self.given.add(port)
        return port

    def near(self, first: int) -> int:
        """The first free port from ``first`` on."""
        for port in range(first, 65536):
            if port not in self.given and self._free(port):
                self.given.add(port)
                return port
        raise Mistake(f"no port from {first} on is free")

    def _free(self, port: int) -> bool:
        return all(can_bind(host, port) for host in self.hosts)


def can_bind(host: str, port: int) -> bool:
    """Whether we could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def _any_port() -> int:
    """A port that nobody uses, chosen by the system."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOCAL, 0))
        port: int = probe.getsockname()[1]
        return port
