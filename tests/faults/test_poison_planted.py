"""Wrong ways to put records aside are convicted within one run each; the product passes the same run."""

from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaProducer

from tests.faults.checkers.parked import kept
from tests.faults.checkers.verdict import Verdict, enough
from tests.faults.harness import poisons, tables, ticks, topics
from tests.faults.harness.plant import Plant
from tests.faults.harness.reports import convicts, passes
from tests.faults.harness.ticks import KEYS, Ticks

pytestmark = [pytest.mark.broker, pytest.mark.db, pytest.mark.long]
PLANTED = "tests.faults.planted.parking"


@pytest.fixture
async def producer(plant: Plant) -> AsyncIterator[AIOKafkaProducer]:
    made = AIOKafkaProducer(bootstrap_servers=plant.bootstrap)
    await made.start()
    yield made
    await made.stop()


async def outcome(plant: Plant, sent: Ticks, producer: AIOKafkaProducer, consumers: str | None) -> list[Verdict]:
    """Every key gets a bad record, then sound ones behind it, and the consumer is told of both in its own time."""
    plant.messaging("consumers", consumers=consumers)
    await ticks.consumed(plant, sent.group, within_s=60)
    spoiled = [(topic, key, b"{", headers) for topic, key, _, headers in sent.raw([8])]
    bad = await poisons.send(producer, spoiled)
    await ticks.consumed(plant, sent.group, within_s=60)
    await sent.send([8, 9])
    await ticks.consumed(plant, sent.group, within_s=60)
    told = [poisons.as_raw(one) for one in await topics.read(plant.bootstrap, [plant.topic], {})]
    aside = await tables.value(plant, "SELECT count(*) FROM parked")
    return [enough(aside=(aside, KEYS)), kept(told, set(bad), await poisons.lying(plant), least=KEYS)]


@pytest.mark.parametrize(("consumers", "kind"), [("DROPS_HEADERS", "altered"), ("KEEPS_ONE_OF_A_KEY", "passed")])
async def test_a_wrong_parking_is_convicted(
    plant: Plant, sent: Ticks, producer: AIOKafkaProducer, consumers: str, kind: str
) -> None:
    convicts(await outcome(plant, sent, producer, f"{PLANTED}:{consumers}"), kind)


async def test_the_parking_of_the_product_passes_the_same_run(
    plant: Plant, sent: Ticks, producer: AIOKafkaProducer
) -> None:
    passes(await outcome(plant, sent, producer, None))
