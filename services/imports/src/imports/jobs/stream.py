"""Progress as server-sent events: never back, from where a client was, to the state in which the import rests."""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from fastapi import FastAPI

from imports.jobs.queries import Standing, standing
from imports.settings import Settings
from plantkit.context import Context
from plantkit.db.engine import Database
from takt_contracts.imports.jobs import ImportState, Totals

HEADERS: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}
_RETRY: Final = b"retry: 1000\n\n"
_KEEP_ALIVE: Final = b": still here\n\n"
_KEEP_ALIVE_S = 15.0
_POLL_S = 0.2
_ID: Final = re.compile(r"[0-9]{1,18}(-[0-9]{1,18})*", re.ASCII)
_NUMBERS: Final = 4


@dataclass(kw_only=True)
class Streams:
    """The streams of one process: how many are open, and whether the end has come."""

    most: int
    open: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)


def streams_of(app: FastAPI) -> Streams:
    """Made at the first use. They end when the process is asked to stop, not when its patience is over."""
    found: Streams | None = getattr(app.state, "import_streams", None)
    if found is None:
        context: Context = app.state.context
        assert isinstance(context.settings, Settings)
        found = app.state.import_streams = Streams(most=context.settings.streams)
        app.state.at_sigterm.append(found.ended.set)
    return found


def told_before(word: str | None) -> Standing | None:
    """What `Last-Event-ID` says a client has seen; None for none, and for a word that is not ours."""
    if word is None or not _ID.fullmatch(word):
        return None
    phase, *numbers = map(int, word.split("-"))
    if len(numbers) != _NUMBERS + len(Totals.model_fields):
        return None
    return Standing(ImportState.UPLOADED, False, phase, tuple(numbers[:_NUMBERS]), tuple(numbers[_NUMBERS:]))


def frame(now: Standing) -> bytes:
    place = "-".join(str(number) for number in (now.phase, *now.numbers, *now.totals))
    return f"id: {place}\nevent: progress\ndata: {now.progress().model_dump_json()}\n\n".encode()


async def frames(
    db: Database, import_id: UUID, before: Standing | None, streams: Streams, monotonic: Callable[[], float]
) -> AsyncGenerator[bytes]:
    """A frame for each step, and a comment when there is none for long. Ends with the frame of the last state."""
    streams.open += 1
    try:
        yield _RETRY
        last: Standing | None = None
        quiet_since = monotonic()
        while not streams.ended.is_set():
            now = (await standing(db, import_id)).after(last or before)
            if now != last:
                yield frame(now)
                last, quiet_since = now, monotonic()
            if now.rests:
                return
            if monotonic() - quiet_since > _KEEP_ALIVE_S:
                yield _KEEP_ALIVE
                quiet_since = monotonic()
            await asyncio.sleep(_POLL_S)
    finally:
        streams.open -= 1


def clock() -> float:
    return time.monotonic()
