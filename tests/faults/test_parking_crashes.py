"""A consumer is killed after it has put a record aside, before it says so to the broker: nothing lost, kept once."""

import pytest
from aiokafka import AIOKafkaProducer

from tests.faults.checkers import appends
from tests.faults.checkers.parked import kept
from tests.faults.checkers.verdict import enough
from tests.faults.harness import points, poisons, tables, ticks, topics
from tests.faults.harness.plant import Plant
from tests.faults.harness.processes import KILLED
from tests.faults.harness.reports import passes
from tests.faults.harness.ticks import KEYS, Ticks

pytestmark = [pytest.mark.broker, pytest.mark.db, pytest.mark.long]


@pytest.mark.parametrize("passage", points.PASSAGES)
async def test_a_killed_consumer_keeps_each_bad_record_once(plant: Plant, sent: Ticks, passage: int) -> None:
    """Every key has seven sound records, a bad one, and one behind that; batches of one, so that each is a passage."""
    producer = AIOKafkaProducer(bootstrap_servers=plant.bootstrap)
    await producer.start()
    bad = await poisons.send(producer, [(topic, key, b"{", headers) for topic, key, _, headers in sent.raw([8])])
    await producer.stop()
    await sent.send([8])
    victim = plant.messaging("consumers", crash=f"{points.DLQ}:{passage}", batch=1)
    code = await victim.ended(within_s=30)
    plant.messaging("consumers", batch=50)
    await ticks.consumed(plant, sent.group, within_s=60)

    told = [poisons.as_raw(one) for one in await topics.read(plant.bootstrap, [plant.topic], {})]
    passes(
        [
            enough(faults=(int(code == KILLED), 1)),
            kept(told, set(bad), await poisons.lying(plant), least=KEYS),
            appends.exactly_once(await tables.lists(plant), {raw[1].decode(): 7 for raw in sent.raw([1])}, least=KEYS),
        ]
    )
