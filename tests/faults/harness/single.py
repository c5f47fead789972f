"""One fault of the chaos menu, alone, while the plant works; what an operator saw of it; and the verdicts."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

from tests.faults.chaos.run import Run
from tests.faults.chaos.schedule import WARM_UP_S, Step
from tests.faults.checkers.history import Op, Out
from tests.faults.checkers.verdict import Verdict
from tests.faults.harness.gauges import Watch, watching
from tests.faults.harness.links import Linked


@dataclass(frozen=True)
class Seen:
    """What came of one fault. Times are those of the history's clock."""

    verdicts: list[Verdict]
    history: list[Op]
    watches: Mapping[str, Watch]
    landed_at: float
    healed_at: float

    def answered(self, out: Out, *, since: float, until: float) -> list[Op]:
        """Operations that began and ended in this time with this outcome."""
        return [op for op in self.history if op.out is out and op.t0 >= since and op.t1 <= until]

    @property
    def meanwhile(self) -> list[Op]:
        """Acknowledged while the fault was there."""
        return self.answered(Out.OK, since=self.landed_at, until=self.healed_at)

    @property
    def resumed_s(self) -> float:
        """From the heal to the first acknowledgement of something that began after it."""
        return min(op.t1 for op in self.history if op.out is Out.OK and op.t0 >= self.healed_at) - self.healed_at


async def suffered(linked: Linked, fault: str, for_s: float, *watched: str) -> Seen:
    """The fault stays so long; processes named in `watched` are looked at all the time."""
    run = Run(linked, [Step(WARM_UP_S, fault, for_s)], print)
    async with AsyncExitStack() as stack:
        watches = {name: await stack.enter_async_context(watching(linked.stack, name)) for name in watched}
        verdicts = await run.verdicts()
    [(landed_at, healed_at)] = run.moments
    return Seen(verdicts, run.floor.history, watches, landed_at, healed_at)
