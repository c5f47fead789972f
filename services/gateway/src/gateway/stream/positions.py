"""A place in the whole log, written as one opaque, signed word: the next offset of every partition of every topic."""

import base64
import hashlib
import hmac
import zlib
from collections.abc import Iterator, Mapping, Sequence

from gateway.stream.errors import BadPosition

Offsets = dict[str, list[int]]
"""Topic -> next offset to read, by partition."""

_VERSION = b"\x01"
_SEAL_BYTES = 8
_LONGEST = 16_384


class Positions:
    """Writes and reads positions. The seal keeps a made-up word from sending a reader anywhere it likes."""

    def __init__(self, secret: str) -> None:
        self._key = hashlib.sha256(b"stream position\0" + secret.encode()).digest()

    def write(self, offsets: Mapping[str, Sequence[int]]) -> str:
        body = _VERSION + b"".join(_topic(name, offsets[name]) for name in sorted(offsets))
        return _word(body + self._seal(body))

    def read(self, word: str, known: Mapping[str, int]) -> Offsets:
        """Offsets for the `known` topics (name -> partitions); a topic that is newer than the word starts at 0.

        Raises BadPosition.
        """
        body = self._opened(word)
        told = dict(_topics(body[1:]))
        found = {name: told.get(zlib.crc32(name.encode()), [0] * count) for name, count in known.items()}
        if any(len(found[name]) != count for name, count in known.items()):
            raise _refused()
        return found

    def _opened(self, word: str) -> bytes:
        if len(word) > _LONGEST or not word.isascii():
            raise _refused()
        try:
            whole = base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)
        except ValueError:
            raise _refused() from None
        body, seal = whole[:-_SEAL_BYTES], whole[-_SEAL_BYTES:]
        if _word(whole) != word or not hmac.compare_digest(self._seal(body), seal) or body[:1] != _VERSION:
            raise _refused()
        return body

    def _seal(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, "sha256")[:_SEAL_BYTES]


def _word(whole: bytes) -> str:
    return base64.urlsafe_b64encode(whole).rstrip(b"=").decode()


def _refused() -> BadPosition:
    return BadPosition("Last-Event-ID is not a position of this stream.")


def _topic(name: str, offsets: Sequence[int]) -> bytes:
    head = zlib.crc32(name.encode()).to_bytes(4, "big") + bytes([len(offsets)])
    return head + b"".join(map(_varint, offsets))


def _topics(body: bytes) -> Iterator[tuple[int, list[int]]]:
    at = 0
    while at < len(body):
        crc, count, at = int.from_bytes(body[at : at + 4], "big"), body[at + 4], at + 5
        offsets = []
        for _ in range(count):
            offset, at = _from_varint(body, at)
            offsets.append(offset)
        yield crc, offsets


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _from_varint(body: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while body[at] & 0x80:
        value |= (body[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
    return value | body[at] << shift, at + 1
