"""The aggregate's own rules, without a database: any sequence of reports and corrections, beside the order on paper."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from operations.production.errors import (
    ConsumedDownstream,
    IllegalTransition,
    NothingHandedOver,
    OverDesired,
    OverHandedOver,
)
from operations.production.ledger import LedgerRow
from operations.production.model import Operation
from operations.production.rules import Neighbours, ceiling
from plantkit.ids import new_id
from takt_contracts.operations.production import EntryKind

from .naive_order import NaiveOrder, Step

NOW = datetime(2026, 3, 2, tzinfo=UTC)
REFUSALS = (ConsumedDownstream, IllegalTransition, NothingHandedOver, OverDesired, OverHandedOver)
PLACES, PIECES = st.integers(0, 2), st.integers(0, 9)


class Flow(RuleBasedStateMachine):
    """Three operations of one order; each sees of its neighbours what it is given, as a command gives it."""

    @initialize(tolerance=st.sampled_from([0, 5, 50]))
    def plan(self, tolerance: int) -> None:
        self.paper = NaiveOrder(20, tolerance, [Step(), Step(), Step()])
        self.ledgers: list[list[LedgerRow]] = [[], [], []]
        self.operations = [self._operation(number, Decimal(tolerance)) for number in range(3)]

    @rule(place=PLACES)
    def start(self, place: int) -> None:
        self._same(place, lambda: self.operations[place].start(self._around(place)), self.paper.start(place))

    @rule(place=PLACES, good=PIECES, scrap=st.integers(0, 2))
    def report(self, place: int, good: int, scrap: int) -> None:
        entry = self._entry(place, EntryKind.REPORT, good, scrap)

        def reports(operation: Operation) -> None:
            operation.report(entry=entry, around=self._around(place))

        self._booked(place, entry, reports, self.paper.report(place, good, scrap))

    @rule(place=PLACES, number=st.integers(0, 5), good=PIECES, scrap=st.integers(0, 2))
    def correct(self, place: int, number: int, good: int, scrap: int) -> None:
        reports = [entry for entry in self.ledgers[place] if entry.kind == EntryKind.REPORT]
        if number >= len(reports) or self.paper.steps[place].bookings[number].is_corrected:
            return
        wrong = reports[number]
        if (int(wrong.good), int(wrong.scrap)) == (good, scrap):
            return
        entry = self._entry(place, EntryKind.CORRECTION, good - int(wrong.good), scrap - int(wrong.scrap))

        def corrects(operation: Operation) -> None:
            operation.correct(entry=entry, wrong=wrong, around=self._around(place))

        self._booked(place, entry, corrects, self.paper.correct(place, number, good, scrap))

    @invariant()
    def sums_are_those_of_the_paper(self) -> None:
        for operation, step in zip(self.operations, self.paper.steps, strict=True):
            shown = (str(operation.status), int(operation.qty_good), int(operation.qty_processed))
            assert shown == (step.status, step.good, step.processed)
            assert operation.qty_processed <= ceiling(operation.qty_desired, operation.tolerance_percent)

    def _booked(self, place: int, entry: LedgerRow, book: Callable[[Operation], None], is_allowed: bool) -> None:
        self._same(place, lambda: book(self.operations[place]), is_allowed)
        if is_allowed:
            self.ledgers[place].append(entry)

    def _same(self, place: int, act: Callable[[], None], is_allowed: bool) -> None:
        """A refused command leaves its aggregate behind; so does this."""
        before = dict(vars(self.operations[place]))
        refused: Exception | None = None
        try:
            act()
        except REFUSALS as refusal:
            refused = refusal
            vars(self.operations[place]).update(before)
        assert (refused is None) == is_allowed, refused

    def _around(self, place: int) -> Neighbours:
        given: dict[str, Any] = {}
        if place > 0:
            given["handed_over"] = self.operations[place - 1].qty_good
        if place < 2:
            after = self.operations[place + 1]
            given |= {"consumed": after.qty_processed, "consumer_tolerance_percent": after.tolerance_percent}
        return Neighbours(**given)

    def _operation(self, number: int, tolerance: Decimal) -> Operation:
        about = {
            "order_no": "WO",
            "operation_no": str(number),
            "workplace": "W",
            "item": "I",
            "qty_desired": Decimal(20),
        }
        row = Operation(id=new_id(), version=1, created_at=NOW, updated_at=NOW, tolerance_percent=tolerance, **about)
        return row.bind(NOW)

    def _entry(self, place: int, kind: EntryKind, good: int, scrap: int) -> LedgerRow:
        operation = self.operations[place]
        change = {"good": Decimal(good), "scrap": Decimal(scrap), "rework": Decimal(0)}
        totals = {f"{name}_total": getattr(operation, f"qty_{name}") + value for name, value in change.items()}
        about = {"id": new_id(), "created_at": NOW, "entry_no": operation.entries + 1, "kind": kind}
        return LedgerRow(**about, **change, **totals, reason="x", booked_by="operator-07")


TestFlow = Flow.TestCase
TestFlow.settings = settings(max_examples=60, stateful_step_count=30)
