"""What a workbook says of work that was done before: one ledger entry, under the same rules as any other."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from operations.production.errors import BookedDiffers, OpeningDoesNotAddUp, OverDesired, at_field
from operations.production.ledger import LedgerRow
from operations.production.model import Operation
from plantkit.db.row import Values
from plantkit.db.tx import Tx
from plantkit.ids import new_id
from plantkit.resources.resource import Source, Taken
from takt_contracts.operations.production import NOTHING, EntryKind, LedgerEntry, OperationOpening, Status
from takt_contracts.problem import FieldError

_QUANTITIES: Final = tuple(name for name in OperationOpening.model_fields if name != "status")
_NOT_STARTED: Final = (None, Status.RELEASED)


@dataclass(frozen=True, kw_only=True)
class Done:
    """Quantities in the item's unit."""

    good: Decimal
    scrap: Decimal
    rework: Decimal

    @classmethod
    def of(cls, brought: Mapping[str, Any]) -> "Done":
        """Nothing where nothing is said; good is what remains of processed where only that is said.

        Raises OpeningDoesNotAddUp.
        """
        processed, scrap = brought.get("qty_processed"), brought.get("qty_scrap") or NOTHING
        good = brought.get("qty_good")
        if good is None:
            good = NOTHING if processed is None else processed - scrap
        if good < 0 or (processed is not None and processed != good + scrap):
            raise at_field(
                "qty_processed", OpeningDoesNotAddUp, f"{processed:f} processed is not {good:f} good, {scrap:f} scrap."
            )
        return cls(good=good, scrap=scrap, rework=brought.get("qty_rework") or NOTHING)

    @property
    def processed(self) -> Decimal:
        return self.good + self.scrap

    @property
    def is_nothing(self) -> bool:
        return not (self.good or self.scrap or self.rework)


class OperationsOpening:
    """Takes over a status and quantities when an operation is created, and compares them afterwards."""

    def take_over(self, tx: Tx, row: Operation, brought: Mapping[str, Any], source: Source) -> Taken | None:
        """Raises OpeningDoesNotAddUp, OverDesired."""
        if not any(map(brought.get, _QUANTITIES)) and brought.get("status") in _NOT_STARTED:
            return None
        done = Done.of(brought)
        status = brought.get("status") or Status.RELEASED
        _check(status, done, row.ceiling)
        row.status = status
        if done.is_nothing:
            return None
        entry = _entry(tx, row, done, source)
        row.open(entry=entry)
        return Taken(entry, {"entry": LedgerEntry.model_validate(entry)})

    def compare(self, now: Values, brought: Mapping[str, Any]) -> None:
        """Raises BookedDiffers, naming each field."""
        wrong = [
            FieldError(pointer=f"/{name}", code="field.rule", detail=f"It is {_shown(now[name])}, not {_shown(value)}.")
            for name, value in brought.items()
            if value is not None and value != now[name]
        ]
        if wrong:
            raise BookedDiffers("What is booked differs.", errors=wrong)


def _check(status: Status, done: Done, most: Decimal) -> None:
    if status is Status.RELEASED and not done.is_nothing:
        raise at_field(
            "status", OpeningDoesNotAddUp, "A released operation has nothing booked: say that it is in progress."
        )
    if done.processed > most:
        raise at_field("qty_processed", OverDesired, f"{done.processed:f} are processed, but {most:f} are desired.")


def _entry(tx: Tx, row: Operation, done: Done, source: Source) -> LedgerRow:
    return LedgerRow(
        id=new_id(),
        created_at=tx.now,
        operation_id=row.id,
        entry_no=1,
        kind=EntryKind.OPENING,
        good=done.good,
        scrap=done.scrap,
        rework=done.rework,
        good_total=done.good,
        scrap_total=done.scrap,
        rework_total=done.rework,
        reason=source.words,
        booked_by=source.by,
    )


def _shown(value: Any) -> str:
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)
