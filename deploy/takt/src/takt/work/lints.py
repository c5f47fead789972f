"""House rules that no linter knows. Each is a small look at the syntax tree, and each is proved able to object."""

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

Look = Callable[[ast.AST, str], Iterator[int]]  # syntax tree and source -> offending lines

PRODUCT = ("libs/*/src/*", "services/*/src/*", "deploy/takt/src/*")
EVERYWHERE = ("*",)


@dataclass(frozen=True)
class Rule:
    """What is forbidden where, and what to do instead."""

    name: str
    cure: str
    look: Look
    within: tuple[str, ...] = PRODUCT
    allowed: tuple[str, ...] = ()

    def applies(self, path: str) -> bool:
        return _any(path, self.within) and not _any(path, self.allowed)


def _any(path: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch(path, pattern) for pattern in patterns)


def _calls(*names: str) -> Look:
    """Calls of a method by one of these names, whatever object it is called on."""

    def look(tree: ast.AST, _source: str) -> Iterator[int]:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in names:
                yield node.lineno

    return look


def _clock_reads(tree: ast.AST, _source: str) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"}:
            owner = node.value
            if (owner.id if isinstance(owner, ast.Name) else getattr(owner, "attr", "")) in {"datetime", "date", "dt"}:
                yield node.lineno


def _mocks(tree: ast.AST, _source: str) -> Iterator[int]:
    """`mock` in any form, and `monkeypatch.setattr("module.name", ...)`: a test that knows the inside by its path."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in {"unittest", "mock"}:
            if node.module == "mock" or any("mock" in f"{node.module}.{alias.name}" for alias in node.names):
                yield node.lineno
        elif isinstance(node, ast.Import):
            if any(alias.name.startswith(("unittest.mock", "mock")) for alias in node.names):
                yield node.lineno
        elif isinstance(node, ast.Call) and _is_setattr_by_path(node):
            yield node.lineno


def _is_setattr_by_path(call: ast.Call) -> bool:
    named = isinstance(call.func, ast.Attribute) and call.func.attr in {"setattr", "delattr"}
    return named and bool(call.args) and isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)


def _broad_excepts(tree: ast.AST, _source: str) -> Iterator[int]:
    """Handlers of everything that do not raise it again."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and _is_broad(node.type) and not _raises_again(node):
            yield node.lineno


def _is_broad(caught: ast.expr | None) -> bool:
    named = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return caught is None or any(isinstance(n, ast.Name) and n.id in {"Exception", "BaseException"} for n in named)


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def _comments(pattern: str) -> Look:
    """Comments that match. Comments only: a rule may be named in a sentence."""

    def look(_tree: ast.AST, source: str) -> Iterator[int]:
        if not re.search(pattern, source):
            return  # reading tokens is slow, and most files have none
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT and re.search(pattern, token.string):
                yield token.start[0]

    return look


RULES = (
    Rule(
        "commit",
        "The kit commits: return the state from the handler.",
        _calls("commit"),
        allowed=(
            "libs/plantkit/src/plantkit/run.py",
            "libs/plantkit/src/plantkit/messaging/*",
            "libs/plantkit/src/plantkit/db/migrations.py",
        ),
    ),
    Rule(
        "publish",
        "Record the fact on the aggregate; the relay tells it to the plant.",
        _calls("publish", "send_and_wait"),
        allowed=("libs/plantkit/src/plantkit/messaging/*",),
    ),
    Rule("clock", "Take tx.now, or plantkit.clock.", _clock_reads, allowed=("libs/plantkit/src/plantkit/clock.py",)),
    Rule("no-cover", "Test the line, or take it out.", _comments(r"pragma:\s*no\s*(cover|branch)"), within=EVERYWHERE),
    Rule("mock", "Pass a stand-in to the constructor.", _mocks, within=EVERYWHERE),
    Rule(
        "broad-except",
        "Catch what you can answer.",
        _broad_excepts,
        allowed=(
            "libs/plantkit/src/plantkit/run.py",
            "libs/plantkit/src/plantkit/messaging/*",
            "deploy/takt/src/takt/stack/supervisor.py",
        ),
    ),
    Rule(
        "type-ignore",
        "Name the error and the reason: `# type: ignore[code]  # reason`.",
        _comments(r"#\s*type:\s*ignore(?!\[[\w, -]+\]\s*#\s*\w)"),
        within=EVERYWHERE,
    ),
    Rule(
        "noqa",
        "Name the rule and the reason: `# noqa: CODE - reason`.",
        _comments(r"#\s*noqa(?!: [A-Z]+\d+(, ?[A-Z]+\d+)*\s+[-#]+\s*\w)"),
        within=EVERYWHERE,
    ),
)


def offences(root: Path, files: Iterable[str]) -> Iterator[str]:
    """One line per place, for the Python files among these (paths relative to root)."""
    for name in sorted(files):
        if name.endswith(".py") and (root / name).is_file():
            yield from _in_file(name, (root / name).read_text())


def _in_file(name: str, source: str) -> Iterator[str]:
    tree = ast.parse(source, name)
    for rule in RULES:
        if rule.applies(name):
            for line in rule.look(tree, source):
                yield f"{name}:{line}: {rule.name}: {rule.cure}"
