"""How the demo ends: a page of facts that can be checked by hand."""

import shlex
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from takt.demo.landed import Landed
from takt.demo.load import Loaded

_PLAIN_WIDTH = 200


def console() -> Console:
    """Tables with lines and colours on a terminal, plain columns elsewhere."""
    return Console() if sys.stdout.isatty() else Console(width=_PLAIN_WIDTH, no_color=True, highlight=False)


def show(out: Console, status: Mapping[str, Any], loaded: Loaded, landed: Landed, *, stays_up: bool) -> None:
    out.print(
        f"\nThrough the gateway: {loaded.created} created, {loaded.present} were there, {loaded.acted} steps done."
    )
    out.print()
    out.print(_table(("table", "rows"), ((name, str(count)) for name, count in landed.rows.items())))
    topics = ((name, str(topic.events), _offsets(topic.offsets)) for name, topic in landed.topics.items())
    out.print()
    out.print(_table(("topic", "events", "partition: offsets"), topics))
    out.print()
    out.print(_table(("what", "address"), _addresses(status)))
    out.print(f"\nSign in as admin; the password lies in {status['credentials']}", soft_wrap=True)
    again = "" if stays_up else f", after `uv run takt up --data {shlex.quote(str(status['data']))}`"
    out.print(f"\nTo list operations, paste this{again}:", soft_wrap=True)
    out.print(curl(str(status["gateway"]), str(status["credentials"])), soft_wrap=True, markup=False, highlight=False)


def curl(gateway: str, credentials: str) -> str:
    """One line that signs in with the password file and lists operations. Needs curl and sed."""
    login = f"curl -s -H 'Content-Type: application/json' -d @{shlex.quote(credentials)} {gateway}/api/v1/auth/login"
    token = f"""$({login} | sed -E 's/.*"access_token": ?"([^"]+)".*/\\1/')"""
    return f"""curl -s -H "Authorization: Bearer {token}" '{gateway}/api/v1/operations?limit=5'"""


def _addresses(status: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    gateway = status["gateway"]
    yield "pages", f"{gateway}/"
    yield "API", f"{gateway}/docs"
    yield "events, live", f"{gateway}/api/v1/events/stream"
    for name in ("operations", "records", "imports", "kafka", "postgres", "data", "logs"):
        yield name, str(status[name])


def _offsets(offsets: Mapping[int, tuple[int, int]]) -> str:
    return ", ".join(f"{partition}: {first}..{end - 1}" for partition, (first, end) in offsets.items())


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Table:
    plain = not sys.stdout.isatty()
    table = Table(box=None if plain else box.SIMPLE, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in {"rows", "events"} else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table
