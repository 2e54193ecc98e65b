"""Flows are tested with a real Prefect: a server and a worker, each a process of its own."""

from tests.prefect_server import prefect_server, town, town_worker

__all__ = ["prefect_server", "town", "town_worker"]
