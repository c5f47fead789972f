"""Import accounting from the file itself: what its rows are, against what the import says of them, what the owner's
table holds, and what was told. Every valid row takes effect once, every other is refused, and nothing else happens.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.faults.checkers.verdict import Anomaly, Verdict, judge

DONE = "done"


@dataclass(frozen=True, kw_only=True)
class File:
    """`keys` of its valid rows by the number that a sheet shows, and the numbers of the rows that are `wrong`."""

    name: str
    keys: Mapping[int, str]
    wrong: frozenset[int] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Account:
    """What an import says of itself: its state, each row with what became of it, as often as listed, and its totals."""

    state: str
    rows: Sequence[tuple[int, str]]
    totals: Mapping[str, int]


def accounted(files: Mapping[str, File], accounts: Mapping[str, Account], *, least: int = 1) -> Verdict:
    """Both by name. All files are new to the owner. Kinds: unended, missing, doubled, stranger, misjudged, sums."""
    anomalies = [one for name, file in files.items() for one in _account(file, accounts.get(name))]
    rows = sum(len(account.rows) for account in accounts.values())
    return judge("import rows", anomalies, {"files": len(files), "rows": rows}, {"rows": least})


def _account(file: File, account: Account | None) -> Iterator[Anomaly]:
    if account is None or account.state != DONE:
        yield Anomaly("unended", f"{file.name} is {'nowhere' if account is None else account.state}")
    if account is None:
        return
    expected = {**dict.fromkeys(file.keys, "created"), **dict.fromkeys(file.wrong, "rejected")}
    listed = Counter(number for number, _ in account.rows)
    if absent := sorted(expected.keys() - listed.keys()):
        yield Anomaly("missing", f"{file.name} says nothing of its rows {absent[:5]} ({len(absent)} in all)")
    if twice := [number for number, times in listed.items() if times > 1]:
        yield Anomaly("doubled", f"{file.name} lists its rows {twice[:5]} more than once ({len(twice)} in all)")
    if strange := sorted(listed.keys() - expected.keys()):
        yield Anomaly("stranger", f"{file.name} lists rows {strange[:5]}, which it has not")
    if wrong := [(number, state) for number, state in account.rows if state != expected.get(number, state)]:
        yield Anomaly("misjudged", f"{file.name} says {wrong[:5]} ({len(wrong)} in all)")
    wanted = Counter(expected.values()) + Counter(rows=len(expected))
    if +Counter(dict(account.totals)) != wanted:
        yield Anomaly("sums", f"{file.name} says {dict(account.totals)}, its rows are {dict(wanted)}")


def effects(files: Iterable[File], table: Mapping[str, int], told: Mapping[str, int], *, least: int = 1) -> Verdict:
    """`table` is the version of each key there is, `told` how many different events it has.

    Kinds: lost, rewritten (more than its creation), invented, untold, retold.
    """
    keys = {key for file in files for key in file.keys.values()}
    counted = {"keys": len(keys), "table": len(table), "told": len(told)}
    return judge("import effects", _effects(keys, table, told), counted, {"table": least, "told": least})


def _effects(keys: set[str], table: Mapping[str, int], told: Mapping[str, int]) -> Iterator[Anomaly]:
    for kind, found, what in (
        ("lost", keys - table.keys(), "are in a file and not in the table"),
        ("invented", (table.keys() | told.keys()) - keys, "are in no file"),
        ("rewritten", {key for key, version in table.items() if version > 1}, "were written more than once"),
        ("untold", table.keys() - told.keys(), "are in the table and were not told"),
        ("retold", {key for key, times in told.items() if times > 1}, "have more than one event"),
    ):
        if found:
            yield Anomaly(kind, f"{sorted(found)[:5]} {what} ({len(found)} in all)")
