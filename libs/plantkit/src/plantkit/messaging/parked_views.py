"""What lies aside as people and the gateway see it, and what they may ask for. Bytes are base64, as they came."""

import base64
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Self
from uuid import UUID

import asyncpg
import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

MOST_IDS: Final = 1000


class ParkedState(StrEnum):
    """Retry: tried again by itself. Parked: waits for a person. The other two are over."""

    RETRY = "retry"
    PARKED = "parked"
    REDRIVEN = "redriven"
    DISCARDED = "discarded"


WAITING: Final = (ParkedState.RETRY, ParkedState.PARKED)


class ParkedHeader(BaseModel):
    """A header of the record. `exact_name` is there where the name cannot be shown as it came."""

    name: str
    value: str | None = Field(description="Base64; null where the header was null.")
    exact_name: str | None = Field(None, description="Base64 of the name's UTF-8, where that holds NUL.")


class ParkedLine(BaseModel):
    """A record that could not be applied, without its content."""

    id: UUID
    service: str = Field(examples=["imports"])
    group: str = Field(examples=["imports.files"])
    topic: str = Field(examples=["takt.inbound.file"])
    partition: int
    offset: int
    key: str | None = Field(description="Base64.")
    key_text: str | None = Field(description="The key where it is printable text.")
    value_bytes: int | None = Field(description="Length of the value; null where the record has none.")
    reason_code: str = Field(examples=["event.not-json"])
    reason: str
    state: ParkedState
    attempts: int
    next_attempt_at: datetime | None
    first_failed_at: datetime
    parked_at: datetime | None


class ParkedRecord(ParkedLine):
    """A record that could not be applied, whole."""

    value: str | None = Field(description="Base64.")
    headers: list[ParkedHeader]


def _has_no_nul(text: str) -> str:
    """No column holds it, so no record can be found by it."""
    if "\0" in text:
        raise ValueError("must not hold NUL")
    return text


Word = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_has_no_nul)]


class ParkedFilter(BaseModel):
    """Every name given must match. `key` is compared with the record's key as UTF-8."""

    model_config = ConfigDict(extra="forbid")

    group: Word | None = None
    topic: Word | None = None
    key: Word | None = None
    reason_code: Word | None = None

    @property
    def key_bytes(self) -> bytes | None:
        return None if self.key is None else self.key.encode()


class RedriveBody(BaseModel):
    """Either the records by id, or what they have in common."""

    model_config = ConfigDict(extra="forbid")

    ids: list[UUID] | None = Field(None, min_length=1, max_length=MOST_IDS)
    filter: ParkedFilter | None = None

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        if (self.ids is None) == (self.filter is None):
            raise ValueError("give either ids or filter")
        return self


class DiscardBody(BaseModel):
    """Why the record is given up for good."""

    model_config = ConfigDict(extra="forbid")

    reason: Word


class Redriven(BaseModel):
    """What is tried again. `left`: records that match as well and wait for another call."""

    service: str
    keys: int = Field(description="Keys, and records without one.")
    records: int = Field(description="Their records, with all that wait behind them.")
    left: int


def line_of(service: str, row: asyncpg.Record) -> ParkedLine:
    return ParkedLine.model_validate(_told(service, row))


def record_of(service: str, row: asyncpg.Record) -> ParkedRecord:
    named = [dict(zip(("name", "value", "exact_name"), kept, strict=False)) for kept in orjson.loads(row["headers"])]
    return ParkedRecord.model_validate({**_told(service, row), "value": _base64(row["value"]), "headers": named})


def _told(service: str, row: asyncpg.Record) -> dict[str, Any]:
    key = row["key"]
    names = {"service": service, "group": row["group_name"], "offset": row["offset_"]}
    return {**dict(row), **names, "key": _base64(key), "key_text": _text(key)}


def _base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()


def _text(key: bytes | None) -> str | None:
    try:
        text = "" if key is None else key.decode()
    except UnicodeDecodeError:
        return None
    return text if text and text.isprintable() else None
