"""What the door does by itself: sweep up files that nobody was told of."""

import asyncio
import re
from datetime import timedelta

from fastapi import FastAPI

from gateway.uploads.desk import desk_of
from gateway.uploads.queries import known_keys
from plantkit.context import Context
from plantkit.errors import DomainError
from plantkit.observability import logs
from takt_contracts.imports.files import INBOX

EVERY_S = 600.0
ORPHAN_AFTER = timedelta(hours=24)
"""Longer than any upload takes and any doubt about a command lasts."""

_OURS = re.compile(rf"{INBOX}\d{{4}}-\d\d-\d\d/[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}")
log = logs.get(__name__)


async def sweep(app: FastAPI) -> None:
    """Every ten minutes; a store or a database that is away is asked again the next time."""
    while True:
        await asyncio.sleep(EVERY_S)
        try:
            await sweep_orphans(app)
        except DomainError as later:
            log.warning("uploads.sweep_later", code=later.code)


async def sweep_orphans(app: FastAPI) -> int:
    """Delete what was left when a process died while it wrote, or between the store and the database."""
    context: Context = app.state.context
    storage, before = desk_of(app).storage, context.clock() - ORPHAN_AFTER
    swept = await storage.forget_unfinished(INBOX, before=before)
    async for keys in storage.keys(INBOX, before=before):
        ours = [key for key in keys if _OURS.fullmatch(key)]
        for key in set(ours) - await known_keys(context.db, ours):
            await storage.delete(key)
            swept += 1
    if swept:
        log.info("uploads.swept", objects=swept)
    return swept
