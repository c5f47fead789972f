"""The judge shares no code with the judged: the checkers import the standard library and each other, nothing else."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKERS = Path(__file__).parent / "checkers"
OURS = "tests.faults.checkers"


def foreign_imports(source: str) -> Iterator[str]:
    """Modules outside the standard library and the checkers, wherever in the file they are imported."""
    for node in ast.walk(ast.parse(source)):
        for module in _imported(node):
            if module.partition(".")[0] not in sys.stdlib_module_names and not f"{module}.".startswith(f"{OURS}."):
                yield module


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield "." * node.level + (node.module or "")
    elif isinstance(node, ast.Call) and _called(node.func) in {"__import__", "import_module"}:
        yield "a module named at run time"


def _called(function: ast.expr) -> str:
    return str(getattr(function, "attr", getattr(function, "id", "")))


@pytest.mark.parametrize("path", sorted(CHECKERS.glob("*.py")), ids=lambda path: path.stem)
def test_a_checker_imports_nothing_of_the_product(path: Path) -> None:
    assert list(foreign_imports(path.read_text())) == []


@pytest.mark.parametrize(
    "planted",
    [
        "import plantkit",
        "from plantkit.messaging.outbox import Row",
        "def f():\n    from takt_contracts.event import Event",
        "from tests.faults.harness import tables",
        "from ..harness import tables",
        "import importlib\nimportlib.import_module('plantkit')",
        "import asyncpg",
    ],
)
def test_the_fence_objects_to_a_planted_import(planted: str) -> None:
    assert list(foreign_imports(planted)) != []
