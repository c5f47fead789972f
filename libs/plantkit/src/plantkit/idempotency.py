"""A repeated command is one command: the answer is stored in the transaction of its effect.

Source: the HTTP working group's Idempotency-Key draft; what it leaves open is decided in design.md 5.1 (6).
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import Response
from sqlalchemy import bindparam, select

from plantkit.db.engine import Database, compile_statement
from plantkit.db.machinery import IDEMPOTENCY
from plantkit.db.row import Values
from plantkit.observability.metrics import IDEMPOTENCY_REPLAYS

_STORED = compile_statement(
    select(IDEMPOTENCY.c.request_sha256, IDEMPOTENCY.c.status, IDEMPOTENCY.c.headers, IDEMPOTENCY.c.body).where(
        IDEMPOTENCY.c.caller == bindparam("caller"), IDEMPOTENCY.c.key == bindparam("key")
    )
)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer as it is stored: `headers` is a JSON object."""

    status: int
    headers: str
    body: bytes
    request_sha256: bytes = b""

    @classmethod
    def of(cls, record: Values) -> "Answer":
        return cls(record["status"], record["headers"], record["body"], record["request_sha256"])

    def response(self, *, replayed: bool = False) -> Response:
        headers = orjson.loads(self.headers)
        if replayed:
            IDEMPOTENCY_REPLAYS.inc()
            headers["idempotent-replayed"] = "true"
        return Response(self.body, self.status, headers)


@dataclass(frozen=True, slots=True)
class Keyed:
    """The key of a request, scoped to its caller, and the digest of what was asked."""

    caller: str
    key: str
    request_sha256: bytes

    def row(self, answer: Answer) -> dict[str, Any]:
        return {
            "caller": self.caller,
            "key": self.key,
            "request_sha256": self.request_sha256,
            "status": answer.status,
            "headers": answer.headers,
            "body": answer.body,
            "lock": self.lock,
        }

    @property
    def lock(self) -> int:
        """Advisory lock number; a clash of two keys only makes one of them wait for the other."""
        digest = hashlib.blake2b(f"{self.caller}\0{self.key}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big", signed=True)


async def stored_answer(db: Database, keyed: Keyed) -> Answer | None:
    records = await db.fetch(_STORED, caller=keyed.caller, key=keyed.key)
    return Answer.of(records[0]) if records else None
