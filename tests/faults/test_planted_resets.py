"""Connections between relay and broker are reset while acknowledgements are on their way: a client without idempotence
doubles records that its relay told once, and is convicted; the product passes the same run.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from takt.embedded.kafka import Door, Kafka
from takt.embedded.ports import own_port
from tests.faults.checkers.verdict import Verdict
from tests.faults.harness import tables, telling, topics
from tests.faults.harness.plant import Plant
from tests.faults.harness.proxy import Link, Proxy, Way, Weather
from tests.faults.harness.reports import convicts, passes
from tests.faults.harness.writers import Writers

pytestmark = [pytest.mark.broker, pytest.mark.db, pytest.mark.long, pytest.mark.timeout(240)]
PLANTED = "tests.faults.planted.relays:WITHOUT_IDEMPOTENCE"
RESETS = 5
_DEAF = Weather(held=frozenset({Way.ANSWERS}))  # what is sent arrives, what is answered does not
_WRITTEN_S = 0.2


class Doored:
    """A broker of this module's own, whose second door leads through a link."""

    def __init__(self, folder: Path, proxy: Proxy) -> None:
        inner = own_port()
        self.link: Link = proxy.link("kafka", inner)
        self.cluster = Kafka.start(folder / "kafka", doors=[Door("LINK", inner, self.link.port)])

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.link.port}"


@pytest.fixture
async def doored(tmp_path: Path, proxy: Proxy) -> AsyncIterator[Doored]:
    made = Doored(tmp_path, proxy)
    yield made
    made.cluster.stop()


async def outcome(plant: Plant, doored: Doored, relay: str | None) -> list[Verdict]:
    """Writers commit; the relay's connections are reset again and again, each time with a batch unanswered."""
    judge = replace(plant, bootstrap=doored.cluster.bootstrap)
    async with topics.made(judge.bootstrap, judge.topic):
        writers = Writers(judge)
        await writers.start()
        replace(plant, bootstrap=doored.bootstrap).messaging("relay", relay=relay)
        await tables.becomes(judge, True, tables.PUBLISHING, within_s=60)
        landed = sum([await _reset_unanswered(doored.link, writers) for _ in range(RESETS)])
        await writers.stop()
        await tables.drained(judge, within_s=60)
        return await telling.verdicts(judge, writers.history, faults=landed, wanted=RESETS, once=True)


async def _reset_unanswered(link: Link, writers: Writers) -> int:
    """1 when connections were reset after a batch had passed and before its answer had.

    Facts come in all the time: either a batch was on its way when the answers stopped, or the next one was sent.
    """
    link.suffer(_DEAF)
    await writers.commit(50)
    await asyncio.sleep(_WRITTEN_S)
    reset = link.reset()
    link.heal()
    await writers.commit(100)
    return int(reset > 0)


async def test_a_client_without_idempotence_is_convicted(plant: Plant, doored: Doored) -> None:
    convicts(await outcome(plant, doored, PLANTED), "duplicate")


async def test_the_client_of_the_product_passes_the_same_run(plant: Plant, doored: Doored) -> None:
    passes(await outcome(plant, doored, None))
