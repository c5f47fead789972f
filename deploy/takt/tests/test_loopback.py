"""While tests run, nothing outside this machine is reached."""

import asyncio
import socket

import pytest

from takt.testing.loopback import OutsideReached, is_local


@pytest.mark.parametrize(
    ("address", "local"),
    [
        (("127.0.0.1", 80), True),
        (("127.9.9.9", 80), True),
        (("::1", 80, 0, 0), True),
        (("localhost", 80), True),
        (("0.0.0.0", 0), True),
        ("/run/some.socket", True),
        (("192.0.2.1", 80), False),
        (("2001:db8::1", 80, 0, 0), False),
        (("plant.example", 80), False),
    ],
)
def test_only_this_machine_is_local(address, local):
    assert is_local(address) is local


def test_a_socket_to_the_outside_is_refused():
    with socket.socket() as outside, pytest.raises(OutsideReached, match=r"192\.0\.2\.1"):
        outside.connect(("192.0.2.1", 9))


def test_a_datagram_to_the_outside_is_refused():
    with socket.socket(type=socket.SOCK_DGRAM) as outside, pytest.raises(OutsideReached):
        outside.sendto(b"x", ("192.0.2.1", 9))


async def test_asyncio_is_refused_too():
    with pytest.raises(OutsideReached):
        await asyncio.open_connection("192.0.2.1", 9)


async def test_loopback_stays_open():
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert await reader.read() == b""
        writer.close()
