"""Reads the chains from the first entry to the last and has them judged, in bounded memory."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import asyncpg

from records.audit.judging import Finding, Judge, about_checkpoints
from records.audit.keys import PublicKeys
from takt_contracts.records.checkpoints import Checkpoint, CheckpointSigned

_AT_ONCE: Final = 1_000
_STREAMS = "SELECT stream FROM audit_chain UNION SELECT stream FROM audit_checkpoints"
_ENTRIES = "SELECT * FROM audit_chain WHERE stream = $1 AND seq > $2 ORDER BY seq LIMIT $3"
_CHECKPOINTS = "SELECT * FROM audit_checkpoints WHERE stream = $1 ORDER BY number"
_TOLD = "SELECT payload FROM outbox WHERE aggregatetype = $1 ORDER BY aggregateid, version"
Judging = Callable[[str, Sequence[Checkpoint]], Judge]


@dataclass
class Verdict:
    """What was looked at, and the first thing wrong of each stream that is not as it was signed."""

    entries: dict[str, int] = field(default_factory=dict)
    checkpoints: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class Verifier:
    """Verifies all streams over one connection. `published` are checkpoints from outside of the tables."""

    connection: asyncpg.Connection
    keys: PublicKeys
    published: Sequence[Checkpoint] = ()
    judging: Judging = Judge

    async def verify(self) -> Verdict:
        """In one snapshot: what comes meanwhile is of no concern."""
        verdict = Verdict()
        async with self.connection.transaction(isolation="repeatable_read", readonly=True):
            kept = {row["stream"] for row in await self.connection.fetch(_STREAMS)}
            for stream in sorted(kept | {one.stream for one in self.published}):
                if found := await self._stream(stream, verdict):
                    verdict.findings.append(found)
        return verdict

    async def _stream(self, stream: str, verdict: Verdict) -> Finding | None:
        published = [one for one in self.published if one.stream == stream]
        rows = await self.connection.fetch(_CHECKPOINTS, stream)
        kept, found = about_checkpoints(stream, rows, published, self.keys)
        verdict.checkpoints[stream] = len(kept)
        return found or await self._entries(stream, kept, verdict)

    async def _entries(self, stream: str, kept: Sequence[Checkpoint], verdict: Verdict) -> Finding | None:
        judge, last = self.judging(stream, kept), 0
        while rows := await self.connection.fetch(_ENTRIES, stream, last, _AT_ONCE):
            for row in rows:
                if found := judge.judge(row):
                    return found
            last = rows[-1]["seq"]
            await asyncio.sleep(0)
        verdict.entries[stream] = judge.entries
        return judge.end()


async def told(connection: asyncpg.Connection) -> list[Checkpoint]:
    """Checkpoints as the service's own archive has told them."""
    rows = await connection.fetch(_TOLD, CheckpointSigned.entity)
    return [CheckpointSigned.model_validate_json(row["payload"]).state for row in rows]
