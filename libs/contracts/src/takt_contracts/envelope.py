"""CloudEvents 1.0 around an event: binary mode on Kafka, structured JSON on a stream. Pure.

Reading is strict where the SDKs are lenient: an id that is missing is not made up, because a redelivery would then look
like a new event. Whatever is read here can be stored: no control characters, no attribute longer than an index bears.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Final

CONTENT_TYPE: Final = "application/json"
MAX_BYTES: Final = 1024  # id and source together stay below what a PostgreSQL index entry holds

_SPEC: Final = "1.0"
_REQUIRED: Final = ("specversion", "id", "source", "type")
_NAME: Final = re.compile(r"[a-z0-9]{1,64}", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SEQUENCE: Final = re.compile(r"[0-9]{12}", re.ASCII)
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)


class EnvelopeError(ValueError):
    """The headers are not those of a CloudEvent. `code` is stable, the sentence names the header."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """Attributes of one event. Only the first three are certain for events of other systems.

    `time` is when it happened, `recordedtime` when the log took it, `sequence` the version of its subject.
    `extensions` are attributes that Takt gives no meaning to.
    """

    id: str
    source: str
    type: str
    subject: str | None = None
    time: datetime | None = None
    dataschema: str | None = None
    dataref: str | None = None
    recordedtime: datetime | None = None
    sequence: int | None = None
    partitionkey: str | None = None
    correlationid: str | None = None
    causationid: str | None = None
    authtype: str | None = None
    authid: str | None = None
    traceparent: str | None = None
    extensions: Mapping[str, str] = field(default_factory=dict)

    def attributes(self) -> dict[str, str]:
        """By CloudEvents name, as written on the wire."""
        given = vars(self).items()  # in the order of the fields
        named = {name: _written(value) for name, value in given if value is not None and name != "extensions"}
        return {"specversion": _SPEC, **named, **self.extensions}

    def to_headers(self) -> dict[str, str]:
        """Kafka binary mode; the value of the record is the payload alone. Kafka wants the values as UTF-8."""
        headers = {f"ce_{name}": value for name, value in self.attributes().items()}
        headers["content-type"] = CONTENT_TYPE
        if self.traceparent is not None:
            headers["traceparent"] = self.traceparent
        return headers

    def to_json(self, payload: str) -> str:
        """Structured mode: one JSON object. `payload` is JSON text and becomes its `data` as it is."""
        attributes = self.attributes() | {"datacontenttype": CONTENT_TYPE}
        return f'{json.dumps(attributes, ensure_ascii=False)[:-1]}, "data": {payload}}}'


def from_headers(headers: Iterable[tuple[str, bytes | None]]) -> Envelope:
    """Read the headers of a Kafka record in binary mode. Raises EnvelopeError.

    Headers that are not of CloudEvents may be anything. A `sequence` that is not ours stays with the extensions.
    """
    texts = _texts(headers)
    _require(texts)
    known: dict[str, Any] = {}
    extensions: dict[str, str] = {}
    for name, text in texts.items():
        value = _read(name, text)
        if name in _KNOWN and value is not None:
            known[name] = value
        elif name not in _NOT_KEPT:
            extensions[name] = text
    return Envelope(**known, extensions=extensions)


_NAMES: Final = tuple(attribute.name for attribute in fields(Envelope) if attribute.name != "extensions")
_KNOWN: Final = frozenset(_NAMES)
_MOMENTS: Final = frozenset({"time", "recordedtime"})
_NOT_KEPT: Final = frozenset({"specversion", "datacontenttype", "data"})


def _texts(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    """Attributes by name, as text that can be stored; the content type as `datacontenttype`, as the binding has it."""
    found: dict[str, str] = {}
    for header, value in headers:
        name = "datacontenttype" if header.lower() == "content-type" else header.removeprefix("ce_")
        if name == header or not (name in _KNOWN or _NAME.fullmatch(name)):
            continue
        if name in found:
            raise EnvelopeError("envelope.duplicate", f"{header} is there twice.")
        found[name] = _text(header, value)
    return found


def _text(header: str, value: bytes | None) -> str:
    if value is None:
        raise EnvelopeError("envelope.null", f"{header} is null.")
    if len(value) > MAX_BYTES:
        raise EnvelopeError("envelope.too-long", f"{header} is longer than {MAX_BYTES} bytes.")
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise EnvelopeError("envelope.not-utf8", f"{header} is not UTF-8.") from None
    if not text.isprintable() and _CONTROL.search(text):
        raise EnvelopeError("envelope.control-character", f"{header} holds a control character.")
    return text


def _require(texts: Mapping[str, str]) -> None:
    for name in _REQUIRED:
        if not texts.get(name):
            raise EnvelopeError("envelope.missing", f"ce_{name} is missing or empty.")
    if texts["specversion"] != _SPEC:
        raise EnvelopeError("envelope.specversion", f"ce_specversion is not {_SPEC}.")
    if texts.get("datacontenttype", CONTENT_TYPE).partition(";")[0].strip().lower() != CONTENT_TYPE:
        raise EnvelopeError("envelope.content-type", f"content-type is not {CONTENT_TYPE}.")


def _read(name: str, text: str) -> str | int | datetime | None:
    """The value of an attribute; None for a `sequence` that is not a version."""
    if name in _MOMENTS:
        return _moment(name, text)
    if name == "sequence":
        return int(text) if _SEQUENCE.fullmatch(text) else None
    return text


def _moment(name: str, text: str) -> datetime:
    try:
        if _MOMENT.fullmatch(text):
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise EnvelopeError("envelope.time", f"ce_{name} is not an RFC 3339 time.")


def _written(value: str | int | datetime) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return f"{value:012d}"
