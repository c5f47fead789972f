"""A row that cannot be published holds back its own aggregate, others flow, a gauge says so, and the cure is enough."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from plantkit.messaging.publisher import RECORD_LIMIT
from takt.embedded.ports import own_port
from tests.faults.harness import meters, tables, telling, topics
from tests.faults.harness.plant import Plant
from tests.faults.harness.reports import passes
from tests.faults.harness.writers import Writers

pytestmark = [pytest.mark.broker, pytest.mark.db, pytest.mark.long, pytest.mark.timeout(240)]
BLOCKED = "takt_outbox_blocked_aggregates"
_BROKER_LIMIT = 400_000  # above any batch of ordinary rows, below what the relay itself lets through
_VERSIONS = 7
_OF = "SELECT count(*) FROM outbox_pending WHERE id = ANY($1::uuid[])"
_SHRINK = "UPDATE outbox SET payload = replace(payload, repeat('x', $2), '') WHERE aggregateid = $1 AND version = 2"
Step = Callable[[Plant, str], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """A second version that cannot be published, what makes it so before the run, and what cures it."""

    before: Step
    cure: Step
    elsewhere: bool = False  # all of the aggregate goes to a topic that does not exist
    padding: int = 0


async def nothing(plant: Plant, key: str) -> None:
    """All is as it should be already."""


async def limit_records(plant: Plant, key: str) -> None:
    await _limited(plant, _BROKER_LIMIT)


async def raise_the_limit(plant: Plant, key: str) -> None:
    await _limited(plant, 2 * RECORD_LIMIT)


async def make_the_topic(plant: Plant, key: str) -> None:
    admin = await _admin(plant)
    await admin.create_topics([NewTopic(_absent(plant), topics.PARTITIONS, 1)])
    await admin.close()


async def shrink_the_row(plant: Plant, key: str) -> None:
    """By hand, as the one who answers the alarm does."""
    async with tables.superuser(plant) as connection:
        await connection.execute(_SHRINK, key, RECORD_LIMIT + 1)


async def _admin(plant: Plant) -> AIOKafkaAdminClient:
    admin = AIOKafkaAdminClient(bootstrap_servers=plant.bootstrap)
    await admin.start()
    return admin


async def _limited(plant: Plant, bytes_: int) -> None:
    admin = await _admin(plant)
    changed = ConfigResource(ConfigResourceType.TOPIC, plant.topic, {"max.message.bytes": str(bytes_)})
    await admin.alter_configs([changed])
    await admin.close()


def _absent(plant: Plant) -> str:
    return f"takt.faults.absent-{plant.name}"


TROUBLES = {
    "larger than the broker accepts": Trouble(before=limit_records, cure=raise_the_limit, padding=_BROKER_LIMIT + 1),
    "larger than any record may be": Trouble(before=nothing, cure=shrink_the_row, padding=RECORD_LIMIT + 1),
    "for a topic that does not exist": Trouble(before=nothing, cure=make_the_topic, elsewhere=True),
}


async def told(plant: Plant, topic: str, key: str) -> list[int]:
    """Versions of a key, in the order in which they were first told."""
    records = [topics.as_record(one) for one in await topics.read(plant.bootstrap, [topic], {})]
    return list(dict.fromkeys(record.version for record in records if record.key == key))


@pytest.mark.parametrize("name", TROUBLES)
async def test_a_row_that_cannot_be_published_holds_back_its_own_aggregate_only(
    plant: Plant, writers: Writers, name: str
) -> None:
    trouble, key, port = TROUBLES[name], f"{plant.name}-stuck", own_port()
    address, topic = f"http://127.0.0.1:{port}", _absent(plant) if trouble.elsewhere else plant.topic
    await trouble.before(plant, key)
    plant.messaging("relay", retry_blocked_s=1.0, metrics_port=port)
    await writers.tell(key, [1], topic)
    await writers.tell(key, [2], topic, trouble.padding)
    await writers.tell(key, range(3, _VERSIONS + 1), topic)
    await meters.becomes(address, BLOCKED, 1, within_s=60)

    await writers.commit(300)
    await tables.becomes(plant, 0, _OF, [op.val for op in writers.history if op.key != key], within_s=60)
    assert await told(plant, topic, key) == ([] if trouble.elsewhere else [1])

    await trouble.cure(plant, key)
    await meters.becomes(address, BLOCKED, 0, within_s=60)
    await writers.stop()
    await tables.drained(plant)
    assert await told(plant, topic, key) == list(range(1, _VERSIONS + 1))
    passes(await telling.verdicts(plant, writers.history, faults=1))
