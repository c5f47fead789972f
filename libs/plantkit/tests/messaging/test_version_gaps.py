"""A later version that comes first waits for the earlier one, on topics that keep every event."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from libs.plantkit.tests.messaging.support import (
    Machinery,
    effects,
    headers,
    keep_versions,
    make_effects_table,
    producing,
    tell,
)
from libs.plantkit.tests.messaging.test_consumer import (
    IMPATIENT,
    KEEPER,
    consuming,
    keeper,
    parked,
    reset_offsets,
    until,
)
from plantkit.messaging.metrics import INBOX_DUPLICATES, PARKED_TOTAL, VERSION_GAPS
from takt_contracts.event import Event

pytestmark = [pytest.mark.db, pytest.mark.broker]
GAPS = VERSION_GAPS.labels(KEEPER)
GIVEN_UP = PARKED_TOTAL.labels(KEEPER, "event.version-gap")


@pytest.fixture(autouse=True)
async def effects_table(machinery: Machinery) -> None:
    await make_effects_table(machinery)


@pytest.fixture
async def tell_all(machinery: Machinery, event: type[Event]) -> AsyncIterator[Any]:
    """`await tell_all("C-1", 1, 3, 2)`: versions of a key, in this order."""
    async with producing(machinery.settings.kafka_bootstrap) as producer:

        async def told(code: str, *versions: int) -> None:
            for version in versions:
                await tell(producer, event, code, version)

        yield told


@pytest.mark.parametrize(
    "order", [(1, 3, 2), (2, 1), (1, 4, 6, 5, 2, 3), (7, 6, 5, 4, 3, 2, 1), (1, 3, 4, 5, 2, 6), (1, 5, 3, 4, 2)]
)
async def test_whatever_comes_too_early_waits_and_takes_effect_in_its_turn(machinery, event, tell_all, order):
    before = GAPS._value.get()
    await tell_all("C-1", *order)
    await tell_all("C-2", 1, 2)
    async with consuming(machinery, keeper(event), consumers=IMPATIENT):
        await until(machinery, {"C-1": sorted(order), "C-2": [1, 2]})
        await tell_all("C-1", len(order) + 1)
        await until(machinery, {"C-1": [*sorted(order), len(order) + 1], "C-2": [1, 2]})
    assert GAPS._value.get() > before
    assert {row["state"] for row in await parked(machinery)} == {"redriven"}


async def test_the_earlier_one_may_come_long_after_and_passes_what_waits(machinery, event, tell_all, eventually):
    async with consuming(machinery, keeper(event), consumers=IMPATIENT):
        await tell_all("C-1", 1, 3, 4)

        async def waits() -> bool:
            return [row["reason_code"] for row in await parked(machinery)] == [
                "event.version-gap",
                "event.behind-parked",
            ]

        await eventually(waits)
        assert await effects(machinery) == {"C-1": [1]}
        await tell_all("C-1", 2)
        await until(machinery, {"C-1": [1, 2, 3, 4]})


async def test_what_waited_in_vain_is_parked_with_its_successors_and_the_alarm_sounds(
    machinery, event, tell_all, eventually
):
    gaps, given_up = GAPS._value.get(), GIVEN_UP._value.get()
    await tell_all("C-1", 1, 3, 4)
    await tell_all("C-2", 1)
    async with consuming(machinery, keeper(event), consumers=IMPATIENT):

        async def parked_both() -> bool:
            return [row["state"] for row in await parked(machinery)] == ["parked", "parked"]

        await eventually(parked_both)
        assert await effects(machinery) == {"C-1": [1], "C-2": [1]}
        await tell_all("C-1", 2)
        await until(machinery, {"C-1": [1, 2], "C-2": [1]})
    first, second = await parked(machinery)
    assert (first["reason_code"], first["reason"]) == ("event.version-gap", "Version 3 of C-1 came after version 1.")
    assert (first["attempts"], second["reason_code"]) == (5, "event.behind-parked")
    assert (GAPS._value.get(), GIVEN_UP._value.get()) == (gaps + 1, given_up + 2)


async def test_an_earlier_version_that_fails_itself_is_tried_before_what_waits_for_it(machinery, event, tell_all):
    failures: list[int] = []

    async def handle(tx: Any, deliveries: Sequence[Any]) -> None:
        if any(one.version == 2 for one in deliveries) and len(failures) < 3:
            failures.append(1)
            raise ValueError("not yet")
        await keep_versions(tx, deliveries)

    await tell_all("C-1", 1, 3, 2, 4)
    async with consuming(machinery, keeper(event, handler=handle), consumers=IMPATIENT):
        await until(machinery, {"C-1": [1, 2, 3, 4]})


async def test_copies_of_what_waits_and_a_group_sent_back_to_the_beginning_change_nothing(
    machinery, event, tell_all, eventually
):
    early = headers(event, "C-1", 3)
    async with producing(machinery.settings.kafka_bootstrap) as producer:
        await tell_all("C-1", 1)
        for _ in range(3):
            await tell(producer, event, "C-1", 3, told=early)
        await tell_all("C-1", 2)
    async with consuming(machinery, keeper(event), consumers=IMPATIENT):
        await until(machinery, {"C-1": [1, 2, 3]})

        async def settled() -> bool:
            return {row["state"] for row in await parked(machinery)} == {"redriven"}

        await eventually(settled)
    before = INBOX_DUPLICATES.labels(KEEPER)._value.get()
    await reset_offsets(machinery, event)
    async with consuming(machinery, keeper(event), consumers=IMPATIENT):
        await eventually(lambda: INBOX_DUPLICATES.labels(KEEPER)._value.get() == before + 5)
    assert await effects(machinery) == {"C-1": [1, 2, 3]}


async def test_a_compacted_topic_has_gaps_by_nature(machinery, event, tell_all):
    event.compacted = True  # the class is this test's own
    await tell_all("C-1", 4, 7)
    async with consuming(machinery, keeper(event), consumers=IMPATIENT):
        await until(machinery, {"C-1": [4, 7]})
    assert await parked(machinery) == []
