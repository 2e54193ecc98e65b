"""The deployment files as data: what is set for whom, and what is started where."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import yaml

from infra.settings import ROOT

DEPLOY = ROOT / "infra" / "deploy"
UNITS = DEPLOY / "systemd"
INSTALLED = "/opt/minsheng/"
"""Where the project lies on a server and in the image."""

Where = str


class _Strict(yaml.SafeLoader):
    """As Kubernetes and compose read it: no name twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value if key.value != "<<"]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"twice: {sorted(twice)}", node.start_mark)
        return super().construct_mapping(node, deep=deep)


def _read(path: str) -> list[Any]:
    return list(yaml.load_all((DEPLOY / path).read_text("utf-8"), _Strict))


@cache
def compose() -> dict[str, Any]:
    return dict(_read("compose.yaml")[0])


@cache
def kustomization() -> dict[str, Any]:
    return dict(_read("kustomization.yaml")[0])


@cache
def objects() -> list[tuple[Where, dict[str, Any]]]:
    """Every Kubernetes object, with kind and name."""
    files = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    found = [one for file in files for one in _read(f"kubernetes/{file.name}")]
    return [(f"{one['kind']} {one['metadata']['name']}", one) for one in found]


def pods() -> list[tuple[Where, dict[str, Any]]]:
    """The pod of every workload, with its labels."""
    return [(where, dict(inner)) for where, one in objects() if (inner := _template(one))]


def _template(one: Mapping[str, Any]) -> Mapping[str, Any] | None:
    spec = one.get("spec", {})
    spec = spec.get("jobTemplate", {}).get("spec", spec)
    return spec.get("template") if one["kind"] != "PodTemplate" else None


def containers() -> list[tuple[Where, dict[str, Any]]]:
    return [(where, one) for where, pod in pods() for one in pod["spec"]["containers"]]


def first_containers() -> list[tuple[Where, dict[str, Any]]]:
    """What runs to its end before anything else of the pod begins."""
    return [(where, one) for where, pod in pods() for one in pod["spec"].get("initContainers", [])]


def unless_told(value: str) -> str:
    """What compose takes when nobody says anything else."""
    return re.sub(r"\$\{[A-Z_]+:-([^{}]*)\}", r"\1", value)


def config_map(name: str) -> dict[str, str]:
    return next(one["data"] for where, one in objects() if where == f"ConfigMap {name}")


def chart_environment() -> dict[str, str]:
    told = _read("prefect-values.yaml")[0]["global"]["prefect"]["env"]
    assert len({one["name"] for one in told}) == len(told)
    return {one["name"]: one["value"] for one in told}


def unit_environment() -> dict[str, str]:
    lines = (UNITS / "environment.example").read_text("utf-8").splitlines()
    told = [line.partition("=")[::2] for line in lines if line and not line.startswith("#")]
    assert len(dict(told)) == len(told)
    return dict(told)


@cache
def environments() -> dict[Where, dict[str, str]]:
    """Who is told what, everywhere."""
    found: dict[Where, dict[str, str]] = {"chart": chart_environment(), "systemd": unit_environment()}
    found |= {f"compose {name}": one.get("environment", {}) for name, one in compose()["services"].items()}
    for where, one in containers():
        told = {e["name"]: "" for e in one.get("env", [])}
        for source in one.get("envFrom", []):
            told |= config_map(source["configMapRef"]["name"])
        found[where] = told
    return found


def commands() -> Iterator[tuple[Where, list[str]]]:
    """What is started, with the program's name alone."""
    for name, service in compose()["services"].items():
        if "command" in service:
            yield f"compose {name}", service["command"]
    for where, container in [*containers(), *first_containers()]:
        yield where, container["command"]
    for unit in sorted(UNITS.glob("*.service")):
        for line in unit.read_text("utf-8").splitlines():
            if line.startswith("ExecStart="):
                program, *rest = shlex.split(line.partition("=")[2])
                yield unit.name, [program.removeprefix(f"{INSTALLED}.venv/bin/"), *rest]
