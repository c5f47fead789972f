"""How long a request may take to arrive. uvicorn waits for ever: for the first byte, for headers, for a body.

The limits are absolute, so a byte every few seconds does not help. Answers may take as long as they like.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from plantkit.http.cut_off import EXTENSION

CHUNKED_BYTES = 64 * 1024 * 1024
"""What a body of undeclared length is assumed to have."""


class PatientProtocol(HttpToolsProtocol):
    """Closes a connection whose headers are not there after 10 s, or whose body comes slower than anyone's line."""

    headers_s = 10.0
    body_s = 30.0
    slowest_bytes_per_s = 50_000
    most_header_bytes = 65_536

    _late: asyncio.TimerHandle | None = None
    _header_bytes = 0
    _body_bytes = CHUNKED_BYTES

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._expect_within(self.headers_s)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {EXTENSION: {"abort": self.transport.abort}}
        self._header_bytes, self._body_bytes = 0, CHUNKED_BYTES
        self._expect_within(self.headers_s)

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._header_bytes += len(name) + len(value)
        if name.lower() == b"content-length" and value.isdigit():
            self._body_bytes = int(value)
        if self._header_bytes > self.most_header_bytes:
            self.transport.abort()

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._expect_within(max(self.body_s, self._body_bytes / self.slowest_bytes_per_s))

    def on_message_complete(self) -> None:
        self._no_longer_expect()
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._no_longer_expect()
        super().connection_lost(exc)

    def _expect_within(self, seconds: float) -> None:
        self._no_longer_expect()
        self._late = self.loop.call_later(min(seconds, 3600.0), self.transport.abort)

    def _no_longer_expect(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
