"""Signs checkpoints as long as the service runs; in several processes at once, each stream is one's at a time."""

import asyncio

from fastapi import FastAPI

from plantkit.auth.principal import SYSTEM
from plantkit.context import Context
from plantkit.db.engine import FAILED
from plantkit.db.tx import Origin
from plantkit.errors import DomainError
from plantkit.ids import new_id
from plantkit.observability import logs
from plantkit.run import Runner
from records.audit.commands import SignStream, sign_stream
from records.audit.consumers import STREAMS
from records.settings import Settings

_LOOK_EVERY_S = 1.0
_TROUBLE = (*FAILED, DomainError)
log = logs.get(__name__)


async def sign(app: FastAPI) -> None:
    """Look every second whether a stream is due."""
    context: Context = app.state.context
    while True:
        try:
            await sign_once(context)
        except _TROUBLE as trouble:
            log.warning("audit.not_signed", error=type(trouble).__name__)
        await asyncio.sleep(_LOOK_EVERY_S)


async def sign_once(context: Context) -> int:
    """Sign every stream that is due. Answers how many checkpoints were made."""
    settings, made = context.settings, 0
    assert isinstance(settings, Settings)
    for stream in STREAMS.values():
        order = SignStream(
            stream=stream, source=settings.source, key=settings.key, every_s=settings.checkpoint_every_s
        )  # fmt: skip
        run = Runner(context, SYSTEM, Origin(request_id=str(new_id())), now=context.clock)
        while await run(sign_stream, order):
            made += 1
    return made
