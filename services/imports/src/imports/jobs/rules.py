"""What an import may do next, which references are files of the inbox, what totals add up to. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final

from takt_contracts.imports.files import INBOX
from takt_contracts.imports.jobs import ImportState, RowState, Totals


class Action(StrEnum):
    """What happens to an import. The first five are the worker's and the owner's doing, the others people's."""

    PARSE = "parse"
    MAP = "map"
    VALIDATE = "validate"
    PLAN = "plan"
    FINISH = "finish"
    FAIL = "fail"
    COMMIT = "commit"
    CANCEL = "cancel"


class Failure(StrEnum):
    """Why an import fails that could be read; what is wrong with the file itself has codes of its own."""

    FILE_MISSING = "file.missing"
    DIGEST_MISMATCH = "file.digest-mismatch"
    TEMPLATE_UNKNOWN = "template.unknown"
    TARGET_UNKNOWN = "target.unknown"
    FORBIDDEN = "import.forbidden"
    ROWS_REJECTED = "rows.rejected"
    ROWS_TOO_MANY = "rows.too-many"
    GAVE_UP = "import.gave-up"


_S = ImportState
NEXT: Final[Mapping[tuple[ImportState, Action], ImportState]] = {
    (_S.UPLOADED, Action.PARSE): _S.PARSED,
    (_S.PARSED, Action.MAP): _S.MAPPED,
    (_S.MAPPED, Action.MAP): _S.MAPPED,
    (_S.MAPPED, Action.VALIDATE): _S.VALIDATED,
    (_S.VALIDATED, Action.PLAN): _S.PLANNED,
    (_S.PLANNED, Action.COMMIT): _S.COMMITTING,
    (_S.COMMITTING, Action.FINISH): _S.DONE,
    **{
        (state, Action.FAIL): _S.FAILED
        for state in (_S.UPLOADED, _S.PARSED, _S.MAPPED, _S.VALIDATED, _S.PLANNED, _S.COMMITTING)
    },
    **{
        (state, Action.CANCEL): _S.CANCELLED
        for state in (_S.UPLOADED, _S.PARSED, _S.MAPPED, _S.VALIDATED, _S.PLANNED, _S.COMMITTING)
    },
}
"""Every legal move. Only an import that waits for a person is mapped a second time."""

ENDED: Final = frozenset({_S.DONE, _S.FAILED, _S.CANCELLED, _S.UNDONE})
READING: Final = frozenset({_S.UPLOADED, _S.PARSED, _S.MAPPED})
RANK: Final = {state: rank for rank, state in enumerate(ImportState)}

LETTERS: Final[Mapping[RowState, str]] = {
    RowState.CREATED: "c",
    RowState.UPDATED: "u",
    RowState.UNCHANGED: "n",
    RowState.REJECTED: "r",
    RowState.STALE: "s",
    RowState.UNDONE: "d",
    RowState.CONFLICT: "k",
}
"""States of the rows of a batch are kept as one text, a letter a row."""
STATES: Final = {letter: state for state, letter in LETTERS.items()}


def is_inbox_key(dataref: str) -> bool:
    """Whether it names an object below the inbox, and could name nothing else."""
    parts = dataref.split("/")
    return (
        dataref.startswith(INBOX)
        and len(parts) > 1
        and not any(part in ("", ".", "..") for part in parts)
        and dataref.isascii()
        and dataref.isprintable()
        and not any(sign in dataref for sign in "\\:%?#")
    )


def letters_of(states: Iterable[RowState]) -> str:
    return "".join(LETTERS[state] for state in states)


def counted(letters: str) -> dict[str, int]:
    """How many rows are in which state, by the state's name."""
    return {STATES[letter].value: count for letter, count in Counter(letters).items()}


def totals_of(rows: int, counts: Mapping[str, int]) -> Totals:
    """Rows by state. What nobody has dealt with is not counted, so the sum may be less while the import runs."""
    return Totals(rows=rows, **counts)


def closed(totals: Totals) -> Totals:
    """Totals of an import that has ended: rows that were never dealt with were not taken, so they are rejected."""
    return totals.model_copy(update={"rejected": totals.rejected + totals.rows - sum_of(totals)})


def sum_of(totals: Totals) -> int:
    """Rows whose fate is known."""
    return sum(getattr(totals, state.value) for state in RowState)


def whole(before: str, answered: str) -> str:
    """States of all rows of a batch, where those that the plan rejected were not sent again."""
    given = iter(answered)
    return "".join(letter if letter == LETTERS[RowState.REJECTED] else next(given) for letter in before)


def never_back(before: Sequence[int], now: Sequence[int]) -> tuple[int, ...]:
    """Progress after `before`: counters of work that was begun anew wait until they are passed."""
    return tuple(max(pair) for pair in zip(before, now, strict=True))
