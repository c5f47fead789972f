"""docs/errors.md: every code that a client can meet, from the classes that raise it."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

from plantkit.errors import DomainError, every_error
from plantkit.http.problems import STATUS

PAGE = "docs/errors.md"

_PACKAGES = ("plantkit", "operations", "records", "imports", "gateway")
_HEAD = """# Errors

Written by `takt docs` from the error classes; do not edit.

Every refusal is an `application/problem+json` document (RFC 9457). Match on `code`, which never changes; `detail` is
for people, `errors[]` points at the fields, `trace_id` finds the request in logs and traces.

| code | status | cause | what to do |
|---|---|---|---|
"""


def page() -> str:
    load_all()
    return _HEAD + "".join(f"{row}\n" for row in map(_row, every_error()))


def load_all() -> None:
    """Import every module of the product, so that every error class is known. Entry points and test kits stay out."""
    for name in _PACKAGES:
        package = importlib.import_module(name)
        for found in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not {"__main__", "testing"} & set(found.name.split(".")):
                importlib.import_module(found.name)


def _row(error: type[DomainError]) -> str:
    status = STATUS[error.kind]
    return f"| `{error.code}` | {int(status)} {status.phrase} | {_line(error)} | {error.cure} |"


def _line(error: type[DomainError]) -> str:
    return " ".join((inspect.getdoc(error) or "").split())


def incomplete() -> Iterator[str]:
    """Errors that a client could not act on: without a cause or a cure."""
    load_all()
    for error in every_error():
        if not error.__doc__ or not getattr(error, "cure", ""):
            yield f"{error.__module__}.{error.__name__}: an error names its cause (docstring) and its cure"
