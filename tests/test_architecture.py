"""The house rules are tests: layers, size budgets, one reader of time, chance and environment, no catch-all."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ("rules", "infra", "tasks", "flows")
CODE = [p for layer in LAYERS for p in sorted((ROOT / layer).rglob("*.py")) if p.parent.name != "versions"]
ALLOWED_TOP = {"flows", "tasks", "templates", "rules", "infra", "tests"}
BUDGETS = {"rules": (250, 25), "other": (300, 40)}
"""Layer -> most lines of a module, most lines of a function (design.md section 9)."""
BROAD_ALLOWED = {"tasks/_step.py", "infra/portal/guard.py", "infra/worker.py", "infra/run_events.py"}
"""Where one failure must not stop the others: a step, a request, a run (P27), an event (ADR 0017)."""
STDLIB_AND = {"pydantic", "zen", "yaml", "holidays", "rules"}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (n for n in ast.walk(tree(path)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def test_the_import_order_is_rules_infra_tasks_flows():
    command = [Path(sys.executable).parent / "lint-imports", "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_is_no_further_top_level_folder_of_code():
    tracked = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    tops = {line.split("/")[0] for line in tracked.split() if "/" in line and not line.startswith(".")}
    assert tops <= ALLOWED_TOP


@pytest.mark.parametrize("path", CODE, ids=name)
def test_modules_and_functions_keep_their_size(path: Path):
    module, function = BUDGETS.get(path.relative_to(ROOT).parts[0], BUDGETS["other"])
    assert path.read_text("utf-8").count("\n") <= module
    too_long = [f"{f.name}: {length(f)} lines" for f in functions(path) if length(f) > function]
    assert too_long == []


def test_the_median_function_has_at_most_ten_lines():
    assert statistics.median(length(f) for p in CODE for f in functions(p)) <= 10


def test_the_story_of_a_complaint_fits_on_two_pages():
    assert (ROOT / "flows/complaint.py").read_text("utf-8").count("\n") <= 120


@pytest.mark.parametrize("path", CODE, ids=name)
def test_a_module_says_what_it_serves(path: Path):
    assert ast.get_docstring(tree(path)) or not path.read_text("utf-8").strip()


@pytest.mark.parametrize("path", [p for p in CODE if name(p) not in BROAD_ALLOWED], ids=name)
def test_no_failure_is_swallowed(path: Path):
    broad = [
        node.lineno
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or getattr(node.type, "id", "") in {"Exception", "BaseException"})
        and not isinstance(node.body[-1], ast.Raise)
    ]
    assert broad == []


@pytest.mark.parametrize("path", [p for p in CODE if p.is_relative_to(ROOT / "rules")], ids=name)
def test_rules_know_nothing_but_the_standard_library_and_their_tools(path: Path):
    foreign = {m for m in imported(path) if m not in STDLIB_AND and m not in sys.stdlib_module_names}
    assert foreign == set()
    assert not imported(path) & {"time", "random", "secrets", "os", "socket", "requests", "pathlib"}


@pytest.mark.parametrize(
    ("words", "reader"),
    [
        (("datetime.now(", "time.time(", "date.today(", "utcnow("), "infra/moment.py"),
        (("os.environ.get(", "os.getenv("), "infra/settings.py infra/moment.py"),
        (("import random", "import secrets"), "infra/chance.py"),
    ],
    ids=["present time", "environment", "chance"],
)
def test_present_time_environment_and_chance_have_one_reader(words: tuple[str, ...], reader: str):
    readers = {name(p) for p in CODE if any(w in p.read_text("utf-8") for w in words)}
    assert readers <= set(reader.split())


def test_smtplib_is_never_used():
    assert [name(p) for p in CODE if "smtplib" in imported(p)] == []


def test_every_lint_exception_carries_its_reason():
    bare = [
        f"{name(p)}:{number}"
        for p in CODE
        for number, line in enumerate(p.read_text("utf-8").splitlines(), 1)
        if ("# noqa" in line and " -- " not in line) or ("# type: ignore" in line and not line.rstrip().count("#") > 1)
    ]
    assert bare == []
