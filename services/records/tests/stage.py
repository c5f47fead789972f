"""Words that the tests of records share: paths, a schema, and what an answer says."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx

Json = dict[str, Any]
Ask = Callable[..., Awaitable[httpx.Response]]
Make = Callable[..., Awaitable[Json]]
RECORDS, TYPES = "/api/v1/records", "/api/v1/record-types"
SCHEMA: Json = {
    "type": "object",
    "properties": {
        "result": {"enum": ["pass", "fail"]},
        "diameter_mm": {"type": "number", "minimum": 0},
        "notes": {"type": "array", "items": {"type": "string", "maxLength": 20}},
        "on": {"type": "string", "format": "date"},
    },
    "required": ["result"],
    "additionalProperties": False,
}


def at(record: Json, tail: str = "") -> str:
    return f"{RECORDS}/{record['id']}{tail}"


def codes(answer: httpx.Response) -> list[tuple[str, str]]:
    """Pointer and code of each error."""
    return sorted((error["pointer"], error["code"]) for error in answer.json()["errors"])
