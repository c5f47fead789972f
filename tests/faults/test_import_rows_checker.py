"""The checker of imports convicts planted accounts of each anomaly, and passes a whole one."""

from collections.abc import Mapping

import pytest

from tests.faults.checkers.import_rows import Account, File, accounted, effects
from tests.faults.checkers.verdict import Truth

FILE = File(name="f", keys={2: "A", 3: "B"}, wrong=frozenset({4}))
ROWS = [(2, "created"), (3, "created"), (4, "rejected")]
TOTALS = {"rows": 3, "created": 2, "rejected": 1, "updated": 0}


def account(
    rows: list[tuple[int, str]] = ROWS, totals: Mapping[str, int] = TOTALS, state: str = "done"
) -> Mapping[str, Account]:
    return {"f": Account(state=state, rows=rows, totals=totals)}


def test_an_account_of_every_row_passes() -> None:
    assert accounted({"f": FILE}, account(), least=3).truth is Truth.TRUE
    assert effects([FILE], {"A": 1, "B": 1}, {"A": 1, "B": 1}, least=2).truth is Truth.TRUE


@pytest.mark.parametrize(
    ("found", "kinds"),
    [
        ({}, {"unended"}),
        (account(state="committing"), {"unended"}),
        (account(state="failed"), {"unended"}),
        (account(rows=[*ROWS, ROWS[0]], state="committing"), {"unended", "doubled"}),
        (account(rows=ROWS[1:]), {"missing"}),
        (account(rows=[*ROWS, ROWS[0]]), {"doubled"}),
        (account(rows=[*ROWS, (9, "created")]), {"stranger"}),
        (account(rows=[(2, "rejected"), *ROWS[1:]]), {"misjudged"}),
        (account(rows=[*ROWS[:2], (4, "created")]), {"misjudged"}),
        (account(totals={**TOTALS, "rows": 6}), {"sums"}),
        (account(totals={**TOTALS, "created": 1}), {"sums"}),
    ],
)
def test_an_account_is_convicted(found: Mapping[str, Account], kinds: set[str]) -> None:
    verdict = accounted({"f": FILE}, found)

    assert (verdict.truth, verdict.kinds) == (Truth.FALSE, frozenset(kinds))


@pytest.mark.parametrize(
    ("table", "told", "kind"),
    [
        ({"A": 1}, {"A": 1}, "lost"),
        ({"A": 1, "B": 2}, {"A": 1, "B": 1}, "rewritten"),
        ({"A": 1, "B": 1, "Z": 1}, {"A": 1, "B": 1, "Z": 1}, "invented"),
        ({"A": 1, "B": 1}, {"A": 1, "B": 1, "Z": 1}, "invented"),
        ({"A": 1, "B": 1}, {"A": 1}, "untold"),
        ({"A": 1, "B": 1}, {"A": 1, "B": 2}, "retold"),
    ],
)
def test_effects_are_convicted(table: Mapping[str, int], told: Mapping[str, int], kind: str) -> None:
    verdict = effects([FILE], table, told)

    assert (verdict.truth, verdict.kinds) == (Truth.FALSE, frozenset({kind}))


def test_no_rows_say_nothing() -> None:
    empty = File(name="f", keys={})

    assert accounted({"f": empty}, {"f": Account(state="done", rows=(), totals={})}).truth is Truth.UNKNOWN
    assert effects([empty], {}, {}).truth is Truth.UNKNOWN
