"""What a person sees of records that lie aside: a table, oldest first, and what became of an order."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.table import Table

from takt.terminal import console, plain

_COLUMNS = ("id", "state", "group", "topic", "key", "offset", "reason", "what it says")
_LONGEST = 80


def lines(found: Sequence[Mapping[str, Any]], away: Sequence[str]) -> None:
    out = console()
    if found:
        table = Table(box=box.SIMPLE if out.is_terminal else None, pad_edge=False)
        for name in _COLUMNS:
            table.add_column(
                name, justify="right" if name == "offset" else "left", overflow="fold", no_wrap=name == "id"
            )
        for line in found:
            table.add_row(*map(plain, _cells(line)))
        out.print(table)
    heads = sum(line["reason_code"] != "event.behind-parked" for line in found)
    out.print(f"{_some(len(found), 'record')} aside: {heads} failed, {len(found) - heads} waiting behind.")
    for name in away:
        out.print(f"{name} does not answer: what lies aside there is not in this list.")


def _cells(line: Mapping[str, Any]) -> tuple[str, ...]:
    key = line["key_text"] if line["key_text"] is not None else _bytes(line["key"])
    place = f"{line['partition']}/{line['offset']}"
    told = (line["id"], line["state"], line["group"], line["topic"], key, place, line["reason_code"], line["reason"])
    return tuple(word if word == line["id"] else str(word)[:_LONGEST] for word in told)


def _bytes(key: str | None) -> str:
    return "(none)" if key is None else f"base64:{key}"


def redriven(answers: Sequence[Mapping[str, Any]]) -> None:
    out = console()
    for one in answers:
        if one["records"]:
            out.print(f"{one['service']}: {_some(one['records'], 'record')} of {_some(one['keys'], 'key')} sent on.")
        if one["left"]:
            out.print(f"{one['service']}: {one['left']} more to send on; run it again for those.")
    if not any(one["records"] for one in answers):
        out.print("Nothing that matches is parked.")


def discarded(id_: str) -> None:
    console().print(f"{id_} is given up; what waited behind it goes on.")


def _some(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
