"""What a person sees of an import: a bar while it runs, then what became of the rows and why."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from takt.terminal import plain

COUNTED = ("created", "updated", "unchanged", "rejected", "stale")
_READING = frozenset({"uploaded", "parsed", "mapped"})


def watched(out: Console, told: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Show each step; the last one. On a terminal as a bar, elsewhere as a line for each state."""
    return _bar(out, told) if out.is_terminal else _lines(out, told)


def _bar(out: Console, told: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    columns = (
        TextColumn("{task.description:<11}"), BarColumn(), TextColumn("{task.fields[rows]}"), TimeElapsedColumn(),
    )  # fmt: skip
    last: dict[str, Any] = {}
    with Progress(*columns, console=out) as progress:
        task = progress.add_task("uploaded", total=None, rows="")
        for step in told:
            last = dict(step)
            _move(progress, task, step)
    return last


def _move(progress: Progress, task: TaskID, step: Mapping[str, Any]) -> None:
    """Reading has no known end; what is sent out has."""
    total = None if step["state"] in _READING else step["totals"]["rows"]
    progress.update(task, description=step["state"], total=total, completed=_done(step), rows=_words(step))


def _done(step: Mapping[str, Any]) -> int:
    if step["state"] in _READING:
        return int(step["read"])
    return min(int(step["totals"]["rows"]), sum(int(step["totals"][name]) for name in COUNTED))


def _words(step: Mapping[str, Any]) -> str:
    if step["state"] in _READING:
        return f"{step['read']} rows read"
    return f"{_done(step)} of {step['totals']['rows']} rows"


def _lines(out: Console, told: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    last: dict[str, Any] = {}
    for step in told:
        if not last or step["state"] != last["state"]:
            out.print(f"  {step['state']:<11} {_words(step)}")
        last = dict(step)
    return last


def totals(out: Console, ended: Mapping[str, Any]) -> None:
    """One line of numbers, and one of reason where it failed."""
    found = ended["totals"]
    numbers = ", ".join(f"{found[name]} {name}" for name in COUNTED if found[name] or name != "stale")
    out.print(f"{ended['file_name']}: {ended['state']}; {found['rows']} rows: {numbers}.", soft_wrap=True, markup=False)
    for told in [*([ended["reason"]] if ended["reason"] else []), *ended["warnings"]]:
        out.print(f"  {told['detail']} ({told['code']})", soft_wrap=True, markup=False)
    if ended["state"] == "mapped":
        _suggest(out, ended["suggestions"])


def _suggest(out: Console, suggestions: Sequence[Mapping[str, Any]]) -> None:
    out.print("  Its header does not say for sure what the rows are: name it with --template.")
    for one in suggestions:
        out.print(f"  It may be {one['target']} ({one['score'] * 100:.0f} %).")


def refused(out: Console, rows: Sequence[Mapping[str, Any]], all_of_them: int) -> None:
    """Cell by cell, as a table."""
    if not rows:
        return
    table = Table(box=box.SIMPLE if out.is_terminal else None, pad_edge=False)
    for name in ("row", "column", "header", "value", "expected", "hint"):
        table.add_column(name, justify="right" if name == "row" else "left", overflow="fold")
    for cells in _cells(rows):
        table.add_row(*cells)
    out.print()
    out.print(table)
    if all_of_them > len(rows):
        out.print(f"... and {all_of_them - len(rows)} more rows.")


def _cells(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    for row in rows:
        for error in row["errors"]:
            value = "" if error["value"] is None else str(error["value"])[:60]
            told = (error["letter"], error["header"], value, error["expected"], error["hint"] or "")
            yield (str(row["row"]), *(plain(word) for word in told))
