"""Each kind of bad weather bites, and a Kafka client stays on its link after the first answer."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from plantkit.testing.fixtures import Signer
from takt.embedded.kafka import Door, Kafka
from takt.embedded.ports import own_port
from tests.faults.harness import keys, meters, topics
from tests.faults.harness.processes import Stuck
from tests.faults.harness.proxy import BOTH, Link, Proxy, Way, Weather

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy() as made:
        yield made


@pytest.fixture
async def link(proxy: Proxy) -> AsyncIterator[Link]:
    """To a server that sends back what it is sent."""
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    yield proxy.link("echo", server.sockets[0].getsockname()[1])
    server.close()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()
        writer.close()
    except ConnectionResetError:
        return


async def scraped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    writer.close()


@asynccontextmanager
async def connected(link: Link) -> AsyncIterator[Streams]:
    reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def asked(streams: Streams, said: bytes = b"hello", within_s: float = 5.0) -> bytes:
    reader, writer = streams
    writer.write(said)
    return await asyncio.wait_for(reader.readexactly(len(said)), within_s)


async def test_in_fine_weather_everything_passes_and_is_counted(link: Link) -> None:
    said = b"x" * 1_000_000

    async with connected(link) as streams:
        assert await asked(streams, said) == said

    assert link.carried == {Way.REQUESTS: len(said), Way.ANSWERS: len(said)}
    assert (link.accepted, link.hits) == (1, {})


async def test_an_end_is_passed_on(link: Link) -> None:
    async with connected(link) as (reader, writer):
        writer.write(b"last words")
        writer.write_eof()

        assert await asyncio.wait_for(reader.read(), 5) == b"last words"


async def test_latency_delays_each_way(link: Link) -> None:
    link.suffer(Weather(latency_s=0.15, jitter_s=0.02))
    async with connected(link) as streams:
        began = time.monotonic()
        await asked(streams)

    assert 0.25 < time.monotonic() - began < 20
    assert link.hits["delayed"] == 2


async def test_a_narrow_link_is_slow_and_passes_small_pieces(link: Link) -> None:
    link.suffer(Weather(bytes_per_s=100_000, slice_bytes=1_000))
    async with connected(link) as streams:
        began = time.monotonic()
        await asked(streams, b"x" * 30_000)

    assert time.monotonic() - began > 0.25


@pytest.mark.parametrize("way", [frozenset({Way.REQUESTS}), frozenset({Way.ANSWERS}), BOTH])
async def test_a_black_hole_takes_all_and_answers_nothing_until_it_heals(link: Link, way: frozenset[Way]) -> None:
    async with connected(link) as streams:
        await asked(streams)
        link.suffer(Weather(swallowed=way))
        with pytest.raises(TimeoutError):
            await asked(streams, within_s=0.2)
        link.heal()
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await asked(streams)

    assert link.hits["swallowed"] >= 1
    async with connected(link) as streams:
        assert await asked(streams) == b"hello"


async def test_one_way_loses_answers_but_not_requests(link: Link) -> None:
    link.suffer(Weather(swallowed=frozenset({Way.ANSWERS})))
    async with connected(link) as streams:
        with pytest.raises(TimeoutError):
            await asked(streams, within_s=0.2)

    assert (link.carried[Way.REQUESTS], link.carried[Way.ANSWERS]) == (5, 0)


async def test_what_is_held_comes_late_and_whole(link: Link) -> None:
    async with connected(link) as streams:
        link.suffer(Weather(held=BOTH))
        asking = asyncio.create_task(asked(streams))
        await asyncio.wait([asking], timeout=0.2)
        assert not asking.done()
        link.heal()

        assert await asking == b"hello"
    assert link.hits["held"] >= 1


async def test_a_reset_ends_open_connections_and_no_others(link: Link) -> None:
    async with connected(link) as streams:
        await asked(streams)

        assert link.reset() == 1

        with pytest.raises(ConnectionResetError):
            await asked(streams)
    async with connected(link) as streams:
        assert await asked(streams) == b"hello"
    assert link.hits == {"reset": 1}


async def test_a_refusing_link_is_a_port_where_nobody_listens(link: Link) -> None:
    link.refuse()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", link.port)

    link.heal()

    async with connected(link) as streams:
        assert await asked(streams) == b"hello"


async def test_a_connection_is_cut_after_so_many_bytes(link: Link) -> None:
    link.suffer(Weather(cut=(Way.ANSWERS, 3)))
    async with connected(link) as streams:
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await asked(streams)

    assert (link.carried[Way.REQUESTS], link.carried[Way.ANSWERS], link.hits["cut"]) == (5, 3, 1)


async def test_a_link_works_while_the_loop_of_the_test_is_busy(proxy: Proxy, signer: Signer) -> None:
    with keys.served(signer) as url:
        link = proxy.link("keys", int(url.rpartition(":")[2].partition("/")[0]))

        answer = httpx.get(f"http://127.0.0.1:{link.port}/", trust_env=False)  # noqa: ASYNC210 -- it holds up the loop

    assert answer.status_code == 200


async def test_nobody_behind_a_link_is_a_closed_connection(proxy: Proxy) -> None:
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        async with connected(proxy.link("nobody", own_port())) as (reader, _):
            await asyncio.wait_for(reader.readexactly(1), 5)


async def test_who_is_not_back_yet_behind_a_link_is_waited_for(proxy: Proxy) -> None:
    link = proxy.link("late", own_port())
    address = f"http://127.0.0.1:{link.port}"
    with pytest.raises(httpx.TransportError):
        await meters.reading(address, "anything")

    waiting = asyncio.create_task(meters.answers(address, within_s=10))
    await asyncio.sleep(0.5)
    assert not waiting.done()
    async with await asyncio.start_server(scraped, "127.0.0.1", link.target):
        await waiting


async def test_who_never_comes_back_behind_a_link_is_not_waited_for_long(proxy: Proxy) -> None:
    with pytest.raises(Stuck, match=r"after 0\.5 s"):
        await meters.answers(f"http://127.0.0.1:{proxy.link('gone', own_port()).port}", within_s=0.5)


@pytest.mark.broker
async def test_a_kafka_client_stays_on_its_link(proxy: Proxy, tmp_path: Path) -> None:
    inner = own_port()
    link = proxy.link("kafka", inner)
    with Kafka.start(tmp_path / "kafka", doors=[Door("LINK", inner, link.port)]) as cluster:
        async with topics.made(cluster.bootstrap, "takt.test"):
            await _sent(f"127.0.0.1:{link.port}", b"x" * 100_000, times=10)
            through = link.carried[Way.REQUESTS]
            await _sent(cluster.bootstrap, b"x" * 100_000, times=10)

    assert through > 1_000_000
    assert link.carried[Way.REQUESTS] == through


async def _sent(bootstrap: str, value: bytes, times: int) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        for _ in range(times):
            await producer.send_and_wait("takt.test", value)
