"""What records does by itself: forget batches of imports that nobody will ask for."""

import asyncio

import structlog
from fastapi import FastAPI

from plantkit.context import Context
from plantkit.db.engine import FAILED
from plantkit.errors import DomainError
from plantkit.resources import staging

_EVERY_S = 3600.0
log = structlog.get_logger(__name__)


async def forget_rows(app: FastAPI) -> None:
    """Of imports that were to take effect as a whole and never became whole: rows of health records among them."""
    context: Context = app.state.context
    while True:
        try:
            async with context.db.connection() as connection:
                await staging.forget(connection)
        except (*FAILED, DomainError) as trouble:
            log.warning("records.rows_forgotten_later", error=type(trouble).__name__)
        await asyncio.sleep(_EVERY_S)
