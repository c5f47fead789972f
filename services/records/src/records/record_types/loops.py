"""What record types do by themselves: those that Takt ships are registered where they are not there yet."""

import asyncio

import structlog
from fastapi import FastAPI

from plantkit.auth.principal import SYSTEM
from plantkit.context import Context
from plantkit.db.tx import Origin, Tx
from plantkit.errors import AlreadyExists, Unavailable
from plantkit.ids import new_id
from plantkit.run import Runner
from records.kinds import RecordTypeRow
from records.record_types.commands import RegisterType, register_type
from takt_contracts.records.record_types import RecordTypeFields
from takt_contracts.records.shipped import shipped

log = structlog.get_logger(__name__)


async def register_shipped(app: FastAPI) -> None:
    """Once at start. A type that is there stays as it is: administrators may have widened it meanwhile."""
    context: Context = app.state.context
    run = Runner(context, SYSTEM, Origin(request_id=str(new_id())), now=context.clock)
    for fields in shipped():
        await _register(run, fields)


async def _register(run: Runner, fields: RecordTypeFields) -> None:
    """Waits for the database. Another process of the service may have been faster."""
    while True:
        try:
            await run(register_missing, fields)
        except Unavailable:
            await asyncio.sleep(0.5)
        except AlreadyExists:
            log.info("record_types.registered_elsewhere", name=fields.name)
            return
        else:
            return


async def register_missing(tx: Tx, fields: RecordTypeFields) -> None:
    if await tx.maybe(RecordTypeRow, name=fields.name) is None:
        await register_type(tx, RegisterType(fields=fields))
