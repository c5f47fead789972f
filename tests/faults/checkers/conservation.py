"""One command, one transaction: what a client was told against state, events and audit entries, joined by command id.

ok = one state row, its events, one change entry. fail = nothing but one refusal entry. info = all of it or none.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tests.faults.checkers.history import Out
from tests.faults.checkers.verdict import Anomaly, Verdict, judge


@dataclass(frozen=True)
class Found:
    """How often each command id is in the tables. `refusals` are the entries of refused commands."""

    state: Counter[str]
    events: Counter[str]
    changes: Counter[str]
    refusals: Counter[str]

    @property
    def ids(self) -> set[str]:
        return {*self.state, *self.events, *self.changes, *self.refusals}

    def of(self, command: str) -> tuple[int, int, int, int]:
        return self.state[command], self.events[command], self.changes[command], self.refusals[command]


def all_or_none(commands: Mapping[str, Out], found: Found, *, events: int = 1, least: int = 1) -> Verdict:
    """Kinds: unfounded (ok without its rows), torn (some of them), doubled, ghost (fail with an effect), unrefused
    (fail without its entry), stranger (rows of no command).
    """
    whole = (1, events, 1)
    anomalies = [anomaly for command, out in commands.items() for anomaly in _judge(command, out, found, whole)]
    strangers = found.ids - commands.keys()
    anomalies.extend(Anomaly("stranger", f"{command} was never sent: {found.of(command)}") for command in strangers)
    counted: dict[str, int] = {out.value: sum(one is out for one in commands.values()) for out in Out}
    return judge("conservation", anomalies, counted, {"ok": least})


def _judge(command: str, out: Out, found: Found, whole: tuple[int, int, int]) -> Iterator[Anomaly]:
    *effect, refusals = found.of(command)
    has = f"{command} ({out}) has state, events, changes, refusals {found.of(command)}"
    if any(number > wanted for number, wanted in zip(effect, whole, strict=True)):
        yield Anomaly("doubled", has)
    if out is Out.FAIL:
        if any(effect):
            yield Anomaly("ghost", has)
        if refusals != 1:
            yield Anomaly("unrefused", has)
    elif not any(effect):
        if out is Out.OK:
            yield Anomaly("unfounded", has)
    elif any(number < wanted for number, wanted in zip(effect, whole, strict=True)):
        yield Anomaly("torn", has)


@dataclass(frozen=True, kw_only=True)
class Balance:
    """Quantities of one operation beside its ledger, in one unit; `entries` are (good, scrap) of each booking."""

    key: str
    good: int
    scrap: int
    processed: int
    desired: int
    entries: tuple[tuple[int, int], ...]


def quantities(balances: Iterable[Balance], *, least: int = 1) -> Verdict:
    """Sums are those of the ledger, processed is good and scrap, and never above what is desired."""
    known = tuple(balances)
    anomalies = [anomaly for balance in known for anomaly in _weigh(balance)]
    booked = sum(len(balance.entries) for balance in known)
    return judge("quantities", anomalies, {"keys": len(known), "booked": booked}, {"booked": least})


def _weigh(balance: Balance) -> Iterator[Anomaly]:
    good, scrap = (sum(entry[column] for entry in balance.entries) for column in (0, 1))
    if (good, scrap) != (balance.good, balance.scrap):
        yield Anomaly("unbooked", f"{balance.key} says {balance.good}+{balance.scrap}, its ledger {good}+{scrap}")
    if balance.processed != balance.good + balance.scrap:
        yield Anomaly("uneven", f"{balance.key}: {balance.processed} is not {balance.good} + {balance.scrap}")
    if not 0 <= balance.processed <= balance.desired:
        yield Anomaly("overbooked", f"{balance.key}: {balance.processed} of {balance.desired}")
