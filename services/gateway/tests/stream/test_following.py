"""Live, missed, resumed: against a real broker, because nothing else has offsets."""

import asyncio

import pytest
from aiokafka import AIOKafkaProducer

from gateway.stream.errors import PositionGone
from gateway.stream.records import LogRecord
from plantkit.errors import Unavailable

from .conftest import Seen, connected, headers, streaming

pytestmark = pytest.mark.broker


async def test_a_live_client_gets_what_happens_from_now_on(stream, tell):
    await tell(3)
    await stream.has_read(3)
    seen = Seen()
    reading = asyncio.create_task(stream.read(4, into=seen))
    await connected(seen)

    told = await tell(4)

    assert sorted((await reading).subjects) == sorted(told)
    assert all(event["specversion"] == "1.0" and event["data"]["version"] == 1 for event in seen.events)


async def test_a_client_knows_its_position_before_anything_happened_and_misses_nothing_from_there(stream, tell):
    before = (await stream.read(0)).position

    told = await tell(5)

    assert sorted((await stream.read(5, before)).subjects) == sorted(told)


async def test_resuming_after_every_event_gives_the_rest_without_gap_or_repeat(stream, tell):
    start = (await stream.read(0)).position
    told = await tell(12)
    whole: list[str] = []
    position = start
    while len(whole) < 12:
        seen = await stream.read(1, position)
        whole += seen.subjects
        position = seen.position

    assert sorted(whole) == sorted(told)
    assert len(set(whole)) == 12


async def test_a_client_that_was_away_longer_than_the_memory_reads_the_log(kafka_bootstrap, topics, tell):
    async with streaming(kafka_bootstrap, topics, remembered=10) as stream:
        start = (await stream.read(0)).position
        told = await tell(300)
        await stream.has_read(300)

        seen = await stream.read(300, start)

    assert sorted(seen.subjects) == sorted(told)


async def test_catching_up_while_events_keep_coming_has_no_seam(kafka_bootstrap, topics, tell):
    async with streaming(kafka_bootstrap, topics, remembered=50) as stream:
        start = (await stream.read(0)).position
        told = await tell(400)

        async def keep_telling() -> None:
            for _ in range(40):
                told.extend(await tell(10))
                await asyncio.sleep(0.01)

        telling = asyncio.create_task(keep_telling())
        seen = await stream.read(800, start, within_s=30)
        await telling

    assert len(seen.subjects) == len(set(seen.subjects)) == 800
    assert set(seen.subjects) == set(told)


async def test_another_replica_takes_the_position(kafka_bootstrap, topics, stream, tell):
    position = (await stream.read(0)).position
    told = await tell(6)

    async with streaming(kafka_bootstrap, topics) as other:
        assert sorted((await other.read(6, position)).subjects) == sorted(told)


async def test_each_subject_comes_in_its_order(kafka_bootstrap, stream, topics):
    thing = next(iter(topics))
    start = (await stream.read(0)).position
    async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap, acks="all", enable_idempotence=True) as producer:
        for version in range(1, 21):
            for subject in ("A", "B", "C", "D", "E"):
                value = b'{"version": %d, "state": {}}' % version
                await producer.send(thing, value, key=subject.encode(), headers=headers(thing, subject))

    events = (await stream.read(100, start)).events

    for subject in "ABCDE":
        versions = [event["data"]["version"] for event in events if event["subject"] == subject]
        assert versions == list(range(1, 21))


async def test_what_is_not_wanted_is_not_sent_but_moves_the_position(stream, tell, topics):
    _, other = topics
    start = (await stream.read(0)).position
    await tell(5)
    [told] = await tell(1, other)

    def wanted(record: LogRecord) -> bool:
        return bool(record.topic == other)

    seen = await stream.read(1, start, wanted=wanted)
    assert seen.subjects == [told]
    assert (await stream.read(0, seen.position)).subjects == []


async def test_junk_in_a_topic_is_passed_over(kafka_bootstrap, stream, tell, topics):
    thing = next(iter(topics))
    start = (await stream.read(0)).position
    async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap) as producer:
        for value, headers in [
            (None, []), (b"", []), (b"\xff", [("ce_id", b"\xff")]), (b"{}", [("ce_id", None)]), (b"not json", []),
            (b'{"a": 1}', [("ce_id", b"1"), ("ce_source", b"/x"), ("ce_type", b"a\nb"), ("ce_specversion", b"1.0")]),
        ]:  # fmt: skip
            await producer.send_and_wait(thing, value, key=b"junk", headers=headers)
    told = await tell(2)

    assert sorted((await stream.read(2, start)).subjects) == sorted(told)


async def test_a_client_that_does_not_read_is_let_go_and_finds_everything_again(kafka_bootstrap, topics, tell):
    async with streaming(kafka_bootstrap, topics, backlog=20) as stream:
        seen = Seen()
        frames = stream.follower.frames(await stream.follower.start(None), anything, _always)
        seen.take(await anext(frames))  # connected, then asleep
        told = await tell(60)
        await stream.has_read(60)
        async for piece in frames:
            seen.take(piece)

        rest = await stream.read(60 - len(seen.events), seen.position)

    assert len(seen.events) < 60
    assert sorted(seen.subjects + rest.subjects) == sorted(told)


async def test_a_client_that_may_no_longer_stay_is_let_go(kafka_bootstrap, topics):
    async with streaming(kafka_bootstrap, topics, keep_alive_s=0.1) as stream:
        pieces = [piece async for piece in stream.follower.frames(None, anything, _never)]

    assert pieces[1:] == []


async def test_a_quiet_line_is_kept_alive(kafka_bootstrap, topics):
    async with streaming(kafka_bootstrap, topics, keep_alive_s=0.1) as stream:
        frames = stream.follower.frames(None, anything, _always)
        pieces = [await anext(frames) for _ in range(3)]
        await frames.aclose()

    assert pieces[1:] == [b": keep-alive\n\n"] * 2


async def test_a_position_beyond_the_log_is_gone(stream, topics):
    """As after the broker's disk was lost."""
    beyond = stream.positions.write({name: [9_999] * count for name, count in topics.items()})

    with pytest.raises(PositionGone):
        await stream.follower.start(beyond)


async def test_closing_lets_everybody_go_at_once(stream):
    seen = Seen()
    reading = asyncio.create_task(stream.read(99, into=seen))
    await connected(seen)

    stream.hub.close()

    await asyncio.wait_for(reading, 2)
    with pytest.raises(Unavailable):
        await stream.follower.start(None)


def anything(record: LogRecord) -> bool:
    return True


async def _never() -> bool:
    return False


async def _always() -> bool:
    return True
