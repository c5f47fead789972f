"""Under uvloop, as the services run: a connection that the broker closed breaks, and is no bug of the client's."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvloop
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.admin import ApiVersionRequest

from plantkit.messaging import (
    broken,
    broker,  # noqa: F401 - whoever connects to Kafka imports it
)

_TURNS = 1_000
Leave = Callable[[asyncio.StreamWriter], None]


class Known(AIOKafkaConnection):  # type: ignore[misc]  # the client library has no types
    """Asks nothing by itself: what it meets is what the test sends."""

    async def _do_version_lookup(self) -> None:
        self._versions: dict[int, tuple[int, int]] = {}


class Wrong(Known):
    def send(self, *_: object) -> None:
        raise RuntimeError("a bug")


broken.mend(Wrong)


async def _met(connects: type[Known], leave: Leave, ask: Callable[[Known], Awaitable[Exception]]) -> Exception:
    """What `ask` meets at a broker that leaves as soon as it hears of it."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4)
        leave(writer)

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    connection = connects(*server.sockets[0].getsockname())
    await connection.connect()
    try:
        return await ask(connection)
    finally:
        server.close()
        await asyncio.sleep(0.05)


async def _first_that_does_not_go_out(connection: Known) -> Exception:
    """One request in each turn of the loop."""
    asked: list[asyncio.Future[Any]] = []
    for _ in range(_TURNS):
        try:
            asked.append(asyncio.ensure_future(connection.send(ApiVersionRequest())))
        except (KafkaConnectionError, RuntimeError) as met:
            connection.close()
            ended = await asyncio.gather(*asked, return_exceptions=True)
            assert {type(end) for end in ended} == {KafkaConnectionError}
            return met
        await asyncio.sleep(0)
    raise AssertionError("The connection never ended.")


@pytest.mark.parametrize("leave", [asyncio.StreamWriter.close, lambda writer: writer.transport.abort()])
def test_a_connection_that_the_broker_closed_is_broken(leave: Leave) -> None:
    met = uvloop.run(_met(Known, leave, _first_that_does_not_go_out))
    assert isinstance(met, KafkaConnectionError)
    assert "broken" in str(met)


def test_what_else_goes_wrong_keeps_its_name_and_the_connection() -> None:
    async def ask(connection: Known) -> Exception:
        with pytest.raises(RuntimeError) as met:
            connection.send(ApiVersionRequest())
        assert connection.connected()
        connection.close()
        return met.value

    assert str(uvloop.run(_met(Wrong, asyncio.StreamWriter.close, ask))) == "a bug"
