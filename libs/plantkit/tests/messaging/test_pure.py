"""The parts that need no server."""

import asyncio
import signal
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.partitioner import murmur2
from hypothesis import given
from hypothesis import strategies as st

from libs.plantkit.tests.messaging.support import body, headers, ticked
from plantkit.messaging.consumer import PartialConsumer, consumes
from plantkit.messaging.effect import is_behind
from plantkit.messaging.offsets import places_after
from plantkit.messaging.parking import Head
from plantkit.messaging.parser import decode, parse
from plantkit.messaging.partitions import partition_of
from plantkit.messaging.pipeline import is_trouble
from plantkit.messaging.provision import Places
from plantkit.messaging.records import Delivery, Poison, Reader
from plantkit.messaging.wake import Announcer, Wake
from plantkit.messaging.watchdog import Progress, sentences
from takt_contracts.catalog import event_classes
from takt_contracts.operations.production import OperationStarted

EVENT = ticked("counter")
READER = Reader({EVENT.types()[0]: EVENT})


def record(*, offset: int = 0, key: bytes | None = b"C-1", value: bytes | None = None, told=None) -> ConsumerRecord:
    given_headers = tuple((name, text.encode()) for name, text in (told or headers(EVENT, "C-1", 1)).items())
    content = body("C-1", 1).encode() if value is None else value
    return ConsumerRecord(EVENT.topic, 0, offset, 0, 0, key, content, None, 0, 0, given_headers)


def delivered(**given: Any) -> Delivery[Any]:
    delivery = READER.read(record(**given))
    assert isinstance(delivery, Delivery)
    return delivery


@given(st.binary(max_size=64), st.integers(1, 50))
def test_keys_go_where_every_kafka_client_puts_them(key, count):
    assert partition_of(key, count) == (murmur2(key) & 0x7FFFFFFF) % count


def test_a_sound_record_becomes_a_delivery_with_its_envelope():
    told = headers(EVENT, "C-1", 1)
    delivery = READER.read(record(told=told))
    assert isinstance(delivery, Delivery)
    assert (delivery.id, delivery.subject, delivery.version) == (told["ce_id"], "C-1", 1)
    assert (delivery.envelope.sequence, delivery.envelope.correlationid) == (1, told["ce_correlationid"])
    assert delivery.payload == body("C-1", 1).encode()


def test_a_subject_beyond_ascii_takes_the_strict_road_and_arrives():
    delivery = READER.read(record(key="Prüfstand".encode(), told=headers(EVENT, "Prüfstand", 1)))
    assert isinstance(delivery, Delivery)
    assert delivery.subject == "Prüfstand"


def test_an_event_of_another_known_type_is_none_of_the_groups_business():
    other = Reader({}).read(record(told=headers(EVENT, "C-1", 1) | {"ce_type": "takt.operations.operation.started.v1"}))
    assert other is None


@given(
    st.lists(st.tuples(st.text(max_size=8), st.none() | st.binary(max_size=40)), max_size=6), st.none() | st.binary()
)
def test_no_headers_and_no_value_break_the_reader(named, value):
    told = tuple((name, text.encode()) for name, text in headers(EVENT, "C-1", 1).items())
    for given_headers in (tuple(named), told + tuple(named)):
        odd = ConsumerRecord(EVENT.topic, 0, 1, 0, 0, b"C-1", value, None, 0, 0, given_headers)
        assert isinstance(READER.read(odd), Delivery | Poison)


@pytest.mark.parametrize("text", ["\\\\u0000", "u0000", "\\u0001"])
def test_a_text_that_only_looks_like_nul_is_delivered(text):
    told = b'{"version": 1, "state": {"code": "C-1", "note": "%s"}}' % text.encode()
    assert isinstance(READER.read(record(value=told)), Delivery)


async def test_the_parser_hands_records_through_untouched():
    given_records = [record(offset=1), record(offset=2)]
    assert await decode(await parse(given_records)) == tuple(given_records)


def test_the_place_after_a_batch_is_one_past_the_last_of_each_partition():
    places = places_after([record(offset=4), record(offset=5)])
    assert places == {TopicPartition(EVENT.topic, 0): 6}


def test_only_later_records_of_the_same_key_are_behind_a_head():
    heads = {(EVENT.topic, b"C-1"): Head(5, "retry")}
    assert is_behind(delivered(offset=6), heads)
    assert not is_behind(delivered(offset=4), heads)
    assert not is_behind(delivered(offset=6, key=None), heads)
    other = delivered(offset=6, key=b"C-2", told=headers(EVENT, "C-2", 1))
    assert not is_behind(other, heads)


def test_earlier_versions_pass_a_head_that_came_too_early():
    heads = {(EVENT.topic, b"C-1"): Head(5, "parked", version=3)}
    found = [is_behind(delivered(offset=6, value=body("C-1", version).encode()), heads) for version in (2, 3, 4)]
    assert found == [False, False, True]


def test_a_consumer_that_leaves_out_events_of_a_topic_that_keeps_all_has_to_keep_versions_itself():
    async def handle(tx: object, deliveries: object) -> None: ...

    partial = consumes(OperationStarted, group="tests.partial")(handle)
    with pytest.raises(PartialConsumer, match=r"without \[.*takt\.operations\.operation\.finished\.v1"):
        partial.refuse_gaps()
    replace(partial, keeps_version=True).refuse_gaps()
    whole = tuple(one for one in event_classes() if one.topic == OperationStarted.topic)
    replace(partial, events=whole).refuse_gaps()


@pytest.mark.parametrize("error", [OSError(), TimeoutError(), ConnectionResetError()])
def test_lost_connections_are_trouble_and_bugs_are_not(error):
    assert is_trouble(error)
    assert not is_trouble(ValueError())


def test_a_group_is_lost_without_an_offset_or_with_one_that_is_not_in_the_log():
    gone, early, late, well = (TopicPartition("t", number) for number in range(4))
    places = Places(
        {gone: None, early: 2, late: 99, well: 7},
        dict.fromkeys((gone, early, late, well), 5),
        dict.fromkeys((gone, early, late, well), 9),
    )
    assert set(places.lost) == {gone, early, late}
    assert "run `takt rebuild tests g`" in sentences("tests.g", places.lost)[0]
    assert Places({well: 7}, {well: 5}, {well: 9}).lag == 2


def test_standing_still_counts_only_while_there_is_something_to_read():
    partition = TopicPartition("t", 0)
    progress = Progress(0.0)

    def seen(offset: int, end: int, now: float) -> float:
        return progress.still_for(Places({partition: offset}, {partition: 0}, {partition: end}), now)

    assert seen(5, 9, 10.0) == 0
    assert seen(5, 9, 40.0) == 30
    assert seen(6, 9, 50.0) == 0
    assert seen(9, 9, 500.0) == 0


async def nothing(tx, deliveries) -> None:
    """A handler."""


def test_a_consumer_names_its_topics_and_types():
    consumer = consumes(EVENT, group="tests.it")(nothing)
    assert consumer.topics == ("takt.tests.counter",)
    assert list(consumer.types) == ["takt.tests.counter.ticked.v1"]


async def test_commits_are_announced_at_once_and_then_together():
    told: list[float] = []
    wake = Wake()

    async def tell() -> None:
        told.append(asyncio.get_running_loop().time())

    announcing = asyncio.create_task(Announcer(wake, tell, debounce_s=0.5).run())
    await asyncio.sleep(0)
    for _ in range(5):
        wake.notify()
        await asyncio.sleep(0.01)
    assert len(told) == 1
    await asyncio.sleep(0.7)
    assert len(told) == 2
    announcing.cancel()
    await asyncio.gather(announcing, return_exceptions=True)
    wake.notify()
    assert len(told) == 2


@pytest.mark.parametrize(("point", "ended"), [("here:2", -signal.SIGKILL), ("here:3", 0), ("there:1", 0)])
def test_a_crash_point_kills_at_the_passage_that_is_named(point, ended):
    code = "from plantkit import crash; crash.point('here'); crash.point('here')"
    done = subprocess.run([sys.executable, "-c", code], env={"TAKT_CRASH_POINT": point}, check=False)
    assert done.returncode == ended
