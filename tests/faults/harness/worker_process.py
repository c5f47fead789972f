"""A process with the worker of imports alone, put together by hand. Its part comes in through the constructor:
`attempts` names a class as `module:NAME`.
"""

import asyncio
import signal
from contextlib import suppress

from imports.app import SERVICE
from imports.jobs.model import ImportWork
from imports.settings import Settings
from imports.spreadsheet.reading import open_file
from plantkit.context import Context
from plantkit.observability import logs
from plantkit.storage import Storage
from plantkit.work import Crew, Desk
from tests.faults.harness.messaging_process import named


async def main(attempts: str) -> None:
    settings = Settings.load()
    context: Context = SERVICE.app(settings).state.context
    do = named(attempts)(context, Storage(settings.storage_url), opener=open_file)
    desk = Desk(context.db, ImportWork, lease_s=settings.lease_s)
    working = asyncio.create_task(Crew(desk, do, most=settings.parsers, wake=context.wake).run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, working.cancel)
    with suppress(asyncio.CancelledError):
        await working
    await context.db.dispose()


def run(attempts: str) -> None:
    """Until SIGTERM."""
    logs.start("INFO")
    asyncio.run(main(attempts))
