"""Reads multipart/form-data (RFC 7578) from front to back while it arrives. Nothing of a file is kept here."""

from collections import deque
from collections.abc import AsyncIterator
from typing import Final

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from gateway.uploads.errors import NotAForm
from plantkit.errors import Malformed

MOST_PARTS: Final = 16
MOST_TEXT: Final = 1000
_MOST_HEADERS, _LONGEST_HEADER, _LONGEST_EPILOGUE = 8, 4096, 64 * 1024
_END: Final = None


class Part:
    """One field: `file_name` is None for a text. Iterated once, or not at all."""

    def __init__(self, form: "Form", headers: dict[bytes, bytes]) -> None:
        kind, options = parse_options_header(headers.get(b"content-disposition"))
        if kind != b"form-data" or b"name" not in options:
            raise Malformed("A part of the form has no name.")
        self._form = form
        self.name = _text(options[b"name"])
        self.file_name = _text(options[b"filename"]) if b"filename" in options else None
        self.content_type = _text(headers.get(b"content-type", b""))

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._form.content()

    async def text(self) -> str:
        """Raises Malformed when it is longer than any field."""
        found = b""
        async for chunk in self:
            found += chunk
            if len(found) > MOST_TEXT:
                raise Malformed(f"A field of the form is longer than {MOST_TEXT} bytes.")
        return _text(found)


class Form:
    """The parts of one request in the order they were sent."""

    def __init__(self, request: Request) -> None:
        """Raises NotAForm, Malformed."""
        self._stream = aiter(request.stream())
        self._parser = _parser(_boundary(request), self)
        self._events: deque[dict[bytes, bytes] | bytes | None] = deque()
        self._headers: dict[bytes, bytes] = {}
        self._name, self._value = b"", b""
        self._is_over = False

    async def parts(self) -> AsyncIterator[Part]:
        """What is left of a part is passed over. Raises Malformed when the form is none, or ends half-way."""
        for _ in range(MOST_PARTS):
            headers = await self._next_headers()
            if headers is None:
                await self._rest()
                return
            yield Part(self, headers)
        if await self._next_headers() is not None:
            raise Malformed(f"The form has more than {MOST_PARTS} parts.")

    async def content(self) -> AsyncIterator[bytes]:
        """The rest of the present part."""
        while isinstance(event := await self._next(), bytes):
            yield event

    async def _next_headers(self) -> dict[bytes, bytes] | None:
        while not (self._is_over and not self._events):
            event = await self._next()
            if isinstance(event, dict):
                return event
        return None

    async def _rest(self) -> None:
        """What a sender declared must have come, also behind the last part: else it may have been cut."""
        left = _LONGEST_EPILOGUE
        try:
            async for chunk in self._stream:
                left -= len(chunk)
                if left < 0:
                    raise Malformed("Behind the end of the form there is more.")
        except ClientDisconnect:
            raise Malformed("The form did not arrive whole.") from None

    async def _next(self) -> dict[bytes, bytes] | bytes | None:
        while not self._events and not self._is_over:
            await self._read()
        return self._events.popleft() if self._events else _END

    async def _read(self) -> None:
        try:
            chunk = await anext(self._stream)
            self._parser.write(chunk)
        except (StopAsyncIteration, ClientDisconnect):
            raise Malformed("The form did not arrive whole.") from None
        except FormParserError:
            raise Malformed("The body is not a form as its Content-Type says.") from None

    def on_part_begin(self) -> None:
        self._headers = {}

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name, self._value = b"", b""

    def on_headers_finished(self) -> None:
        self._events.append(self._headers)

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._events.append(data[start:end])

    def on_part_end(self) -> None:
        self._events.append(_END)

    def on_end(self) -> None:
        self._is_over = True


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data":
        raise NotAForm("The body must be multipart/form-data.")
    if not options.get(b"boundary"):
        raise Malformed("The Content-Type of the form names no boundary.")
    return options[b"boundary"]


def _parser(boundary: bytes, form: Form) -> MultipartParser:
    try:
        return MultipartParser(
            boundary,
            {
                "on_part_begin": form.on_part_begin,
                "on_part_data": form.on_part_data,
                "on_part_end": form.on_part_end,
                "on_header_field": form.on_header_field,
                "on_header_value": form.on_header_value,
                "on_header_end": form.on_header_end,
                "on_headers_finished": form.on_headers_finished,
                "on_end": form.on_end,
            },
            max_header_count=_MOST_HEADERS,
            max_header_size=_LONGEST_HEADER,
        )
    except FormParserError:
        raise Malformed("The boundary of the form is too long.") from None


def _text(sent: bytes) -> str:
    """UTF-8 as all browsers send it, else the characters that the bytes have in Latin-1."""
    try:
        return sent.decode("utf-8")
    except UnicodeDecodeError:
        return sent.decode("latin-1")
