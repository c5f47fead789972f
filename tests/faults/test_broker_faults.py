"""The broker dies, stays away, stands still: commands go on, and what they tell comes later, once, in order.

Fault rows 15, 16 and 17. Time-outs are shortened by settings (see `links.SHORTENED`): Kafka requests expire after 2 s
instead of 15 s, so an absence of 16 s is to the client what 10 minutes are in a plant.
"""

from collections.abc import Iterator

import pytest

from tests.faults.harness.links import Linked, linked_stack
from tests.faults.harness.reports import passes
from tests.faults.harness.single import Seen, suffered

pytestmark = [pytest.mark.long, pytest.mark.broker, pytest.mark.timeout(580)]
RELAY, API, READER = "operations-relay", "operations", "gateway-consumers"


@pytest.fixture(scope="module")
def linked() -> Iterator[Linked]:
    with linked_stack() as made:
        yield made


def goes_on_without_a_broker(seen: Seen) -> None:
    """Commands were accepted, the operator was told, the relay came back; nothing is missing or out of order."""
    passes(seen.verdicts)
    relay = seen.watches[RELAY]
    assert len(seen.meanwhile) > 5
    assert relay.lowest("takt_kafka_up") == 0
    assert relay.sights[-1].metrics["takt_kafka_up"] == 1
    assert relay.sights[-1].metrics["takt_outbox_oldest_age_seconds"] < 5
    published = [sight.at for sight in relay.sights if sight.at > seen.healed_at and sight.metrics["takt_kafka_up"]]
    assert published[0] - seen.healed_at <= 60
    assert seen.watches[API].ready == {200}


async def test_a_killed_broker_holds_up_no_command(linked: Linked) -> None:
    goes_on_without_a_broker(await suffered(linked, "kill kafka", 2, RELAY, API))


async def test_a_broker_that_stays_away_past_every_deadline_of_its_clients_loses_nothing(linked: Linked) -> None:
    seen = await suffered(linked, "kafka away", 16, RELAY, API)

    goes_on_without_a_broker(seen)
    assert seen.watches[RELAY].highest("takt_outbox_oldest_age_seconds") > 10


async def test_a_broker_that_stood_still_past_the_session_has_its_groups_together_again(linked: Linked) -> None:
    seen = await suffered(linked, "pause kafka", 16, RELAY, API, READER)

    goes_on_without_a_broker(seen)
    assert seen.watches[READER].sights[-1].ready == 200
