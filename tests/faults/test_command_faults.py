"""Sixteen clients lead orders through their lives while the services under them are killed, paused and cut off: every
command is all there or not at all, refusals included.
"""

import pytest
from aiokafka import TopicPartition

from tests.faults.checkers.history import Out
from tests.faults.checkers.verdict import enough
from tests.faults.harness import judging, replicas, tables
from tests.faults.harness.lives import Lives
from tests.faults.harness.plant import Plant
from tests.faults.harness.proxy import Proxy
from tests.faults.harness.reports import passes
from tests.faults.harness.shop import Shop

pytestmark = [pytest.mark.broker, pytest.mark.db, pytest.mark.long, pytest.mark.timeout(500)]
COMMANDS = 3_000
SEED = 5


async def test_every_command_is_whole_whatever_befalls_the_services(
    plant: Plant, impatient_shop: Shop, proxy: Proxy, log_ends: dict[TopicPartition, int]
) -> None:
    served = replicas.replicas(plant, proxy, 2, "api", "relay")
    await impatient_shop.open(served[0].address)
    lives = Lives(impatient_shop, [one.address for one in served], seed=SEED)
    async with replicas.befallen(served, seed=SEED) as landed:
        await lives.lead(clients=16, commands=COMMANDS)
    await tables.drained(plant, within_s=60)

    seen = [op.out for op in impatient_shop.history]
    guard = enough(
        commands=(len(seen), COMMANDS),
        unsure=(seen.count(Out.INFO), 10),
        refused=(seen.count(Out.FAIL), 100),
        **{name: (landed[name], 1) for name in replicas.EVERY},
    )
    passes([guard, *await judging.verdicts(plant, impatient_shop, log_ends, least=COMMANDS // 4)])
