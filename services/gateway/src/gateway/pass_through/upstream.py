"""One keep-alive connection pool to the owning services; bodies stream both ways."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpcore

from gateway.metrics import UPSTREAM_AWAY, UPSTREAM_SECONDS
from gateway.pass_through.errors import OwnerAway
from gateway.pass_through.rules import Header

CONNECTIONS = 100
IDLE_S = 12.0
"""Shorter than the 15 s after which a service closes an idle connection, so that we never write into a closing one."""

_DEADLINES = {"connect": 2.0, "pool": 2.0, "write": 30.0, "read": 30.0}
_SAFE = frozenset({b"GET", b"HEAD", b"OPTIONS"})

Body = bytes | AsyncIterator[bytes]


class _Sockets(httpcore.AnyIOBackend):
    """Says of a socket that was reset as soon as it was open that it cannot be reached: what lies below stumbles."""

    async def connect_tcp(self, *address: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        stream = await super().connect_tcp(*address, **options)
        try:
            stream.get_extra_info("ssl_object")
        except AttributeError as gone:  # the event loop has let go of the socket that anyio asks for its name
            raise httpcore.ConnectError("The connection was reset.") from gone
        return stream


class Upstreams:
    """Requests to services by name. An owner that does not answer is OwnerAway."""

    def __init__(self, base_urls: Mapping[str, str]) -> None:
        self._bases = {name: httpcore.URL(url.rstrip("/")) for name, url in base_urls.items()}
        self._pool = httpcore.AsyncConnectionPool(
            max_connections=CONNECTIONS,
            max_keepalive_connections=CONNECTIONS,
            keepalive_expiry=IDLE_S,
            network_backend=_Sockets(),
        )

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._bases)

    @asynccontextmanager
    async def ask(
        self, owner: str, method: bytes, target: bytes, headers: list[Header], body: Body = b""
    ) -> AsyncIterator[httpcore.Response]:
        """The owner's answer, its body still unread. A safe request is sent once more when the connection breaks."""
        started = time.perf_counter()
        try:
            answer = await self._send(owner, method, target, headers, body)
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as away:
            UPSTREAM_AWAY.labels(owner).inc()
            raise OwnerAway(owner) from away
        UPSTREAM_SECONDS.labels(owner).observe(time.perf_counter() - started)
        try:
            yield answer
        finally:
            await answer.aclose()

    async def close(self) -> None:
        await self._pool.aclose()

    async def _send(
        self, owner: str, method: bytes, target: bytes, headers: list[Header], body: Body
    ) -> httpcore.Response:
        request = self._request(owner, method, target, headers, body)
        try:
            return await self._pool.handle_async_request(request)
        except (httpcore.ReadError, httpcore.WriteError, httpcore.RemoteProtocolError):
            if method not in _SAFE or not isinstance(body, bytes):
                raise
            return await self._pool.handle_async_request(self._request(owner, method, target, headers, body))

    def _request(self, owner: str, method: bytes, target: bytes, headers: list[Header], body: Body) -> httpcore.Request:
        base = self._bases[owner]
        host = base.host if base.port is None else base.host + b":" + str(base.port).encode()
        url = httpcore.URL(scheme=base.scheme, host=base.host, port=base.port, target=base.target.rstrip(b"/") + target)
        whole = [(b"host", host), *headers]
        return httpcore.Request(method, url, headers=whole, content=body, extensions={"timeout": _DEADLINES})
