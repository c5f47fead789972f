"""The loop that tries records in state `retry` again, each key in its order."""

import asyncio
from dataclasses import dataclass

import asyncpg

from plantkit.context import Context
from plantkit.messaging.effect import TransactionalEffect
from plantkit.messaging.inbox import VersionGap
from plantkit.messaging.metrics import PARKED_DEPTH
from plantkit.messaging.parking import Parking, record_of
from plantkit.messaging.pipeline import explained, is_final, is_trouble
from plantkit.messaging.records import Poison, Reader
from plantkit.observability import logs

_EVERY_S = 0.5
log = logs.get(__name__)


class _GaveUp(Exception):
    """The record was tried and failed; nothing of the attempt remains."""

    def __init__(self, row: asyncpg.Record, code: str, reason: str, *, final: bool) -> None:
        super().__init__(reason)
        self.row, self.code, self.reason, self.final = row, code, reason, final


@dataclass(frozen=True, kw_only=True)
class Retries:
    """Retries of one group."""

    context: Context
    reader: Reader
    effect: TransactionalEffect
    parking: Parking
    every_s: float = _EVERY_S

    async def run(self) -> None:
        """Runs until cancelled."""
        while True:
            try:
                while await self.once():
                    pass
                await self._measure()
            except Exception as error:
                if not is_trouble(error):
                    raise
                log.warning("parking.waiting", group=self.parking.group, error=type(error).__name__)
            await asyncio.sleep(self.every_s)

    async def once(self) -> bool:
        """Try the next record that is due. False when there is none."""
        try:
            return await self._try_next()
        except _GaveUp as failed:
            async with self.context.db.connection() as connection, connection.transaction():
                await self.parking.failed_again(connection, failed.row, failed.code, failed.reason, final=failed.final)
            return True

    async def _try_next(self) -> bool:
        async with self.context.db.connection() as connection, self.effect.transaction(connection) as tx:
            due = await self.parking.next_due(connection)
            if due is None:
                return False
            row = await self.parking.turn(connection, due)
            delivery = self.reader.read(record_of(row))
            if isinstance(delivery, Poison):
                raise _GaveUp(row, delivery.code, delivery.reason, final=True)
            try:
                if delivery is not None:
                    await self.effect.handle(tx, [delivery])
                await self.parking.done(connection, row)
            except Exception as error:
                if is_trouble(error):
                    raise
                failed = due if isinstance(error, VersionGap) else row
                raise _GaveUp(failed, *explained(error), final=is_final(error)) from error
        if tx.has_told:
            self.context.wake.notify()
        return True

    async def _measure(self) -> None:
        async with self.context.db.connection() as connection:
            await self.parking.follow(connection)
            depth = await self.parking.depth(connection)
        for state in ("retry", "parked"):
            PARKED_DEPTH.labels(self.parking.group, state).set(depth.get(state, 0))
