"""Records that nobody can apply, as a raw producer writes them; and what of them lies aside, read from the table."""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer, ConsumerRecord

from plantkit.messaging.parking import Parking
from plantkit.messaging.subscription import ConsumerStrategies
from tests.faults.checkers.parked import Place, Raw
from tests.faults.harness import tables
from tests.faults.harness.plant import Plant

Headers = Sequence[tuple[str, bytes | None]]
IMPATIENT = ConsumerStrategies(parking=lambda group: Parking(group, backoff_s=(0.1, 0.1, 0.1, 0.1)))
"""The product's attempts without its patience: 44 s less for each run."""
LARGEST = 1_048_576 - 1
_LYING = """
SELECT topic, "partition", offset_, key, value, headers::text FROM parked WHERE state IN ('retry', 'parked') ORDER BY id
"""
WAITING = "SELECT count(*) FROM parked WHERE state = 'retry'"
LIES = "SELECT count(*) FROM parked WHERE state = 'parked'"


@dataclass(frozen=True, kw_only=True)
class Poison:
    """How a sound record is spoiled. `value` of None is a tombstone; `headers` come over the sound ones."""

    code: str
    value: bytes | None = b""
    keeps_value: bool = True
    headers: Headers = ()
    added: Headers = ()

    def spoil(self, key: str, sound: bytes, headers: Headers) -> tuple[bytes | None, Headers]:
        told = {**dict(headers), **dict(self.headers)}
        return (sound if self.keeps_value else self.value), [*told.items(), *self.added]


def _value(code: str, value: bytes | None) -> Poison:
    return Poison(code=code, value=value, keeps_value=False)


def _header(code: str, name: str, value: bytes | None) -> Poison:
    return Poison(code=code, headers=[(name, value)])


def poisons(topic: str) -> Mapping[str, Poison]:
    """By kind."""
    deep = b'{"version": 2, "state": ' + b"[" * 10_000 + b"]" * 10_000 + b"}"
    return {
        "null-header": _header("envelope.null", "ce_extra", None),
        "not-utf8-header": _header("envelope.not-utf8", "ce_source", b"\xff\xfe"),
        "header-bomb": _header("envelope.too-long", "ce_bomb", b"x" * 500_000),
        "many-headers": Poison(code="envelope.duplicate", added=[("ce_id", b"%d" % n) for n in range(3_000)]),
        "odd-names": Poison(code="envelope.null", added=[("odd\0name", b"\0"), ("ü\0", None), ("ce_gone", None)]),
        "no-id": _header("envelope.missing", "ce_id", b""),
        "not-json": _value("event.not-json", b"\x00\x01 this is not JSON"),
        "empty": _value("event.not-json", b""),
        "truncated": _value("event.not-json", b'{"version": 2, "state": {"na'),
        "wrong-schema": _value("event.wrong-schema", b'{"version": "two", "state": {"name": 1}}'),
        "unknown-type": _header("event.unknown-type", "ce_type", b"takt.faults.unheard.of.v1"),
        "newer-version": _header("event.unknown-type", "ce_type", f"{topic}.appended.v9".encode()),
        "nul": _value("event.nul", b'{"version": 2, "state": {"name": "a\\u0000b", "count": 2}}'),
        "too-deep": _value("event.not-json", deep),
        "tombstone": _value("event.tombstone", None),
        "a-megabyte": _value("event.not-json", b"x" * (LARGEST - 600)),
        "wrong-key": _header("event.wrong-key", "ce_subject", b"somebody else"),
    }


def additive(key: str, version: int) -> bytes:
    """A value of a later build, which knows more: readers of today take what they know."""
    state = {"name": key, "count": version, "colour": "red"}
    return json.dumps({"version": version, "state": state, "since": "v2"}).encode()


def as_raw(record: ConsumerRecord) -> Raw:
    return Raw(place_of(record), record.key, record.value, tuple(record.headers))


def place_of(record: Any) -> Place:
    return record.topic, record.partition, record.offset


async def lying(plant: Plant) -> list[Raw]:
    """What waits in the table, in the order in which it came there."""
    return [_raw(row) for row in await tables.rows(plant, _LYING)]


def _raw(row: Any) -> Raw:
    headers = tuple(_header_of(*kept) for kept in json.loads(row["headers"]))
    return Raw((row["topic"], row["partition"], row["offset_"]), row["key"], row["value"], headers)


def _header_of(name: str, value: str | None, exact: str | None = None) -> tuple[str, bytes | None]:
    sent = name if exact is None else base64.b64decode(exact).decode()
    return sent, None if value is None else base64.b64decode(value)


async def send(producer: AIOKafkaProducer, records: Iterable[tuple[Any, ...]]) -> list[Place]:
    """Where they are."""
    futures = [
        await producer.send(topic, key=key, value=value, headers=list(headers))
        for topic, key, value, headers in records
    ]
    return [place_of(await future) for future in futures]
