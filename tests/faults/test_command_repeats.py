"""Two hundred keys, twenty copies of each command at once, other bodies under the same key, and another caller with
the same keys, while services are killed, paused and cut off: one effect and one answer a key and caller.
"""

from collections.abc import AsyncIterator

import pytest

from tests.faults.checkers.verdict import enough
from tests.faults.harness import meters, replicas
from tests.faults.harness.plant import Plant
from tests.faults.harness.proxy import Proxy
from tests.faults.harness.repeats import CALLERS, Repeats
from tests.faults.harness.replicas import Replica
from tests.faults.harness.reports import passes
from tests.faults.harness.shop import Shop

pytestmark = [pytest.mark.broker, pytest.mark.db, pytest.mark.long, pytest.mark.timeout(550)]
KEYS, COPIES, AT_ONCE = 200, 20, 3
SEED = 7


@pytest.fixture
async def served(plant: Plant, proxy: Proxy, shop: Shop) -> list[Replica]:
    made = replicas.replicas(plant, proxy, 2, "api")
    await shop.open(made[0].address)
    return made


@pytest.fixture
async def repeats(plant: Plant, shop: Shop, served: list[Replica]) -> AsyncIterator[Repeats]:
    made = Repeats(plant, [one.address for one in served], shop.keys)
    yield made
    await made.close()


async def test_a_key_is_one_command_of_one_caller_whatever_befalls_the_services(
    served: list[Replica], repeats: Repeats
) -> None:
    async with replicas.befallen(served, seed=SEED) as landed:
        await repeats.send(keys=KEYS, at_once=AT_ONCE, copies=COPIES)
    replays = sum([await meters.reading(one.address, "takt_idempotency_replays_total") for one in served])

    guard = enough(replays=(int(replays), 1), **{name: (landed[name], 1) for name in replicas.EVERY})
    passes([guard, await repeats.verdict(least=KEYS * len(CALLERS))])
