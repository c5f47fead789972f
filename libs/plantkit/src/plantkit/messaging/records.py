"""From a record of the log to a delivery, or to the reason why it cannot be one. Pure, and it never raises.

The common case is kept short, because it runs for every record; whatever looks odd takes the strict road through the
contracts' reader, which finds the words for what is wrong.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import orjson
from aiokafka import ConsumerRecord
from pydantic import ValidationError

from plantkit.sealing import opened
from takt_contracts import catalog
from takt_contracts.envelope import CONTENT_TYPE, MAX_BYTES, Envelope, EnvelopeError, from_headers
from takt_contracts.event import Event

E = TypeVar("E", bound=Event)
_DEEPEST = 100
_JSON = CONTENT_TYPE.encode()
_Attributes = tuple[str, str, str, str, bytes]
"""Id, source, type, subject, key of the partition."""


@dataclass(slots=True)
class Delivery(Generic[E]):
    """One event as it was delivered. The same event may come again; the kit has dropped what the inbox knows."""

    record: ConsumerRecord
    topic: str
    id: str
    source: str
    type: str
    subject: str
    version: int
    event: E

    @property
    def envelope(self) -> Envelope:
        """All attributes: times, correlation, who did it. Read anew each time."""
        return from_headers(self.record.headers)

    @property
    def payload(self) -> bytes:
        """The record's value, byte for byte."""
        value: bytes = self.record.value
        return value


@dataclass(frozen=True, slots=True)
class Poison:
    """A record that can never take effect as it is."""

    record: ConsumerRecord
    code: str
    reason: str


class Reader:
    """Reads the records of one group. `wanted` are the types it handles; other known types are none of its business.

    `secret` opens what the services of a stack close for each other.
    """

    def __init__(self, wanted: Mapping[str, type[Event]], secret: str = "") -> None:
        self._secret = secret
        # What `model_validate_json` calls; it runs for every record.
        self._wanted = {type_: event.__pydantic_validator__.validate_json for type_, event in wanted.items()}
        self._known = catalog.events().keys() | wanted.keys()

    def read(self, record: ConsumerRecord) -> Delivery[Any] | Poison | None:
        """None for an event of a type that this group does not handle."""
        try:
            return self._read(record)
        except EnvelopeError as wrong:
            return Poison(record, wrong.code, str(wrong))
        except _Refused as wrong:
            return Poison(record, wrong.code, str(wrong))

    def _read(self, record: ConsumerRecord) -> Delivery[Any] | None:
        id_, source, type_, subject, key = _plain(record) or _strict(record)
        wanted = self._wanted.get(type_)
        if wanted is None:
            if type_ not in self._known:
                raise _Refused("event.unknown-type", f"The contracts know no {type_}.")
            return None
        if record.key is not None and record.key != key:
            raise _Refused("event.wrong-key", "The record's key is not the event's subject.")
        event = _validated(wanted, record.value)
        if event.is_confidential:
            event = self._opened(event)
        return Delivery(record, record.topic, id_, source, type_, subject, event.version, event)

    def _opened(self, event: Event) -> Event:
        try:
            return opened(self._secret, event)
        except ValueError as wrong:
            raise _Refused("event.closed-elsewhere", f"It cannot be opened: {wrong}.") from None


class _Refused(Exception):
    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def _plain(record: ConsumerRecord) -> _Attributes | None:
    """The headers that matter, if all of them are plainly in order."""
    headers: dict[str, bytes] = dict(record.headers)
    try:
        text = b"".join(headers.values()).decode("ascii")
        id_, source, type_ = headers["ce_id"], headers["ce_source"], headers["ce_type"]
        sound = (
            text.isprintable()
            and len(text) <= MAX_BYTES
            and len(headers) == len(record.headers)
            and headers["ce_specversion"] == b"1.0"
            and headers.get("content-type", _JSON) == _JSON
        )
    except (TypeError, UnicodeDecodeError, KeyError):
        return None
    if not (sound and id_ and source and type_):
        return None
    subject = headers.get("ce_subject", b"")
    return id_.decode(), source.decode(), type_.decode(), subject.decode(), headers.get("ce_partitionkey", subject)


def _strict(record: ConsumerRecord) -> _Attributes:
    told = from_headers(record.headers)
    subject = told.subject or ""
    key = subject if told.partitionkey is None else told.partitionkey
    return told.id, told.source, told.type, subject, key.encode()


def _validated(wanted: Callable[[bytes], Event], value: bytes | None) -> Event:
    if value is None:
        raise _Refused("event.tombstone", "The record has no value.")
    try:
        event = wanted(value)
    except ValidationError as wrong:
        raise _explained(wrong) from None
    if b"\\u0000" in value and _holds_nul(orjson.loads(value)):
        raise _Refused("event.nul", "A text holds the character NUL, which no database stores.")
    return event


def _explained(wrong: ValidationError) -> _Refused:
    first = wrong.errors(include_url=False, include_input=False, include_context=False)[0]
    if first["type"] != "json_invalid":
        place = "/".join(str(part) for part in first["loc"])
        return _Refused("event.wrong-schema", f"/{place}: {first['msg']}")
    if "recursion" in first["msg"]:
        return _Refused("event.too-deep", "The JSON is nested too deeply.")
    return _Refused("event.not-json", first["msg"])


def _holds_nul(value: Any, depth: int = 0) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if depth > _DEEPEST:
        return True
    if isinstance(value, dict):
        return any(_holds_nul(part, depth + 1) for pair in value.items() for part in pair)
    return isinstance(value, list) and any(_holds_nul(part, depth + 1) for part in value)
