"""One entry of a chain as the text that is hashed, and the columns that follow from it. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from records.audit.tree import leaf_hash
from takt_contracts.records.canonical import canonical

VERSIONS: Final = "versions"
"""The stream of what records were written: the digest of every version, whoever wrote it in whatever command."""
BEGINNING: Final = "0" * 64
"""What stands before the first entry of a stream, and before its first checkpoint."""


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """An entry as it came over the log."""

    id: str
    source: str
    type: str
    entry: Mapping[str, Any]


def text_of(arrival: Arrival, stream: str, seq: int, previous: str, now: datetime) -> str:
    """The entry with its place in the chain, in canonical form (RFC 8785)."""
    event = {"id": arrival.id, "source": arrival.source, "type": arrival.type}
    place = {"stream": stream, "seq": seq, "previous": previous, "chained_at": now.astimezone(UTC).isoformat()}
    return canonical({**place, "event": event, "entry": arrival.entry})


def columns_of(text: str, hashes: list[str]) -> dict[str, Any]:
    """The whole row. Nothing in a row is anything but the text, or what follows from it."""
    link = json.loads(text)
    entry, actor = link["entry"], link["entry"]["actor"]
    return {
        "id": UUID(link["event"]["id"]),
        "created_at": datetime.fromisoformat(link["chained_at"]),
        "stream": link["stream"],
        "seq": link["seq"],
        "link": text,
        "hashes": " ".join(hashes),
        "at": datetime.fromisoformat(entry["at"]),
        "actor": actor.get("id"),
        "action": entry["action"],
        "outcome": entry["outcome"],
        "resource": entry.get("resource"),
        "subject": entry.get("subject"),
        "version": entry.get("version"),
        "request_id": entry.get("request_id"),
    }


def previous_of(text: str) -> str:
    found: str = json.loads(text)["previous"]
    return found


def hash_of(text: str) -> str:
    return leaf_hash(text)
