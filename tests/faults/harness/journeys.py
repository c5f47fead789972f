"""A run of imports: files set out, one part of the road dies on the way and is started again, and what arrived is
judged from the files themselves.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

from tests.faults.checkers import import_rows
from tests.faults.checkers.import_rows import Account, File
from tests.faults.checkers.verdict import Verdict
from tests.faults.harness import topics
from tests.faults.harness.processes import KILLED, Child
from tests.faults.harness.road import ITEMS, Road
from tests.faults.harness.sheets import Planner, sheet

MANY_FILES = [(f"F{number:02d}", 120) for number in range(18)]
ONE_BIG_FILE = [("BIG", 9_500)]
_ENDS_WITHIN_S = 60.0


async def journey(road: Road, files: Sequence[tuple[str, int]], *, within_s: float = _ENDS_WITHIN_S) -> list[Verdict]:
    """All files travel together. Those that do not end in time are judged as they are then."""
    sheets = [sheet(f"{road.name}-{name}", rows) for name, rows in files]
    since = await topics.ends(road.bootstrap, [ITEMS])
    planner = await Planner.signed_in(road)
    known = {file.name: file for file, _ in sheets}
    travelling = [planner.imported(file.name, content, within_s) for file, content in sheets]
    accounts = dict(zip(known, await asyncio.gather(*travelling), strict=True))
    await planner.client.aclose()
    return await _judged(road, known, accounts, since)


async def _judged(
    road: Road, files: Mapping[str, File], accounts: Mapping[str, Account], since: Mapping[object, int]
) -> list[Verdict]:
    rows = sum(len(file.keys) + len(file.wrong) for file in files.values())
    return [
        import_rows.accounted(files, accounts, least=rows),
        import_rows.effects(files.values(), await road.versions(), await road.told(since), least=rows // 2),
    ]


@asynccontextmanager
async def dying(victim: Child, again: Callable[[], Child]) -> AsyncIterator[list[int]]:
    """Who dies is started again, as a supervisor does. Gives 1 for its death."""
    deaths: list[int] = []
    reviving = asyncio.create_task(_revive(victim, again, deaths))
    try:
        yield deaths
    finally:
        reviving.cancel()
        with suppress(asyncio.CancelledError):
            await reviving


async def _revive(victim: Child, again: Callable[[], Child], deaths: list[int]) -> None:
    deaths.append(int(await victim.ended(within_s=2 * _ENDS_WITHIN_S) == KILLED))
    again()
