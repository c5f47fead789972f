"""docs/transitions.md: every step that an operation can be seen to take, from the rules that allow it."""

from collections.abc import Iterator

from operations.production.model import TOLD
from operations.production.rules import FINAL, moves
from takt_contracts.operations.production import OperationStepRecorded, Status
from takt_contracts.operations.profiles import OperationProfileBound
from takt_contracts.operations.timers import OperationTimerClosed, OperationTimerOpened

PAGE = "docs/transitions.md"
_HEAD = """# Transitions of an operation

Written by `takt docs` from the rules of production; do not edit.

Each row is one event and what the operation is before and after it. What is not here does not happen, neither on the
topic nor in the API. An operation that a workbook brings along is created in the status that it has there.
Events about timers, steps and profiles change neither; the rows say where they are told.

| status | on hold | event | becomes | on hold |
|---|---|---|---|---|
"""
_CHANGES = ("updated", OperationProfileBound.fact, "archived", "restored")
_WHILE_IT_RUNS = (OperationTimerOpened, OperationTimerClosed, OperationStepRecorded)


def page() -> str:
    return _HEAD + "".join(f"| {' | '.join(row)} |\n" for row in _rows())


def _rows() -> Iterator[tuple[str, str, str, str, str]]:
    for status in Status:
        yield "-", "-", "created", status, "no"
    for move in moves():
        yield move.status, _said(move.is_held), TOLD[move.action].fact, move.becomes, _said(move.becomes_held)
    for event in _WHILE_IT_RUNS:
        yield Status.IN_PROGRESS, "no", event.fact, Status.IN_PROGRESS, "no"
    for status in Status:
        for held in ("no",) if status in FINAL else ("no", "yes"):
            for fact in ("archived", "restored") if status in FINAL else _CHANGES:
                yield status, held, fact, status, held


def _said(held: bool) -> str:
    return "yes" if held else "no"
