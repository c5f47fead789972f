"""The record types that every plant begins with: a file each in `shipped_types/`, what an administrator would send."""

from functools import cache
from importlib.resources import files

from takt_contracts.records.record_types import RecordTypeFields


@cache
def shipped() -> tuple[RecordTypeFields, ...]:
    found = files("takt_contracts.records").joinpath("shipped_types").iterdir()
    return tuple(
        RecordTypeFields.model_validate_json(file.read_bytes()) for file in sorted(found, key=lambda one: one.name)
    )
