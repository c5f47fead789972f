"""How the demo ends: a page of facts that can be checked by hand."""

import shlex
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from takt.demo.judge import Verdict
from takt.demo.landed import Landed
from takt.demo.load import Loaded
from takt.demo.morning import Imported
from takt.importing.show import refused, totals

_REASONS = 5


def landed(out: Console, loaded: Loaded, found: Landed) -> None:
    """Rows by SQL, events by a raw consumer."""
    out.print(
        f"\nThrough the gateway: {loaded.created} created, {loaded.present} were there, {loaded.acted} steps done."
    )
    out.print()
    out.print(_table(("table", "rows"), ((name, str(count)) for name, count in found.rows.items())))
    topics = ((name, str(topic.events), _offsets(topic.offsets)) for name, topic in found.topics.items())
    out.print()
    out.print(_table(("topic", "events", "partition: offsets"), topics))


def imported(out: Console, told: Imported, verdict: Verdict) -> None:
    """What became of the workbook, the first reasons, and who agrees."""
    out.print()
    totals(out, told.told)
    refused(out, told.rejected[:_REASONS], len(told.rejected))
    out.print(
        f"\nopenpyxl counts {verdict.in_file} rows in the file, SQL {verdict.in_table} of its operations in the table, "
        f"a raw consumer {verdict.in_log} events of it in the log: they agree with these totals.",
        soft_wrap=True,
    )


def card(out: Console, known: Mapping[str, Any]) -> None:
    """Each section of an order's card with the moment up to which it knows everything."""
    out.print(f"\nThe card of order {known['order_no']}:", markup=False)
    sections = {name: known[name] for name in ("operations", "ledger", "imports", "records")}
    told = ((name, str(len(one["data"])), *_freshness(one)) for name, one in sections.items())
    out.print(_table(("section", "rows", "as of", "stale"), told))
    names = ("operation_no", "workplace", "item", "qty_desired", "qty_good", "status")
    out.print()
    out.print(_table(names, (tuple(str(one[name]) for name in names) for one in sections["operations"]["data"])))
    for one in sections["imports"]["data"]:
        rows = ", ".join(str(row["row"]) for row in one["rows"])
        out.print(f"From {one['file_name']}, rows {rows}.", markup=False)


def _freshness(section: Mapping[str, Any]) -> tuple[str, str]:
    return str(section["as_of"]), "yes" if section["stale"] else "no"


def ending(out: Console, status: Mapping[str, Any], *, stays_up: bool) -> None:
    """Where everything is, and a line to paste."""
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
