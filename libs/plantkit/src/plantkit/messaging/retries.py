"""The loop that tries records in state `retry` again, each key in its order."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from plantkit.context import Context
from plantkit.messaging.effect import TransactionalEffect
from plantkit.messaging.inbox import VersionGap
from plantkit.messaging.metrics import PARKED_DEPTH
from plantkit.messaging.parking import Parking, record_of
from plantkit.messaging.pipeline import explained, is_final, is_trouble
from plantkit.messaging.records import Delivery, Poison, Reader
from plantkit.observability import logs

_EVERY_S = 0.5
_AT_ONCE = 200
log = logs.get(__name__)


class _GaveUp(Exception):
    """Records were tried and failed, one of them at least; nothing of the attempt remains."""

    def __init__(self, rows: Sequence[asyncpg.Record], code: str, reason: str, *, final: bool) -> None:
        super().__init__(reason)
        self.rows, self.code, self.reason, self.final = rows, code, reason, final


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
        """Try the next record that is due, and with it what waits behind it. False when there is none.

        When they fail together fewer are tried, until the first of them stands alone.
        """
        most = _AT_ONCE
        while True:
            try:
                return await self._try_next(most)
            except _GaveUp as failed:
                if len(failed.rows) == 1:
                    await self._give_up(failed)
                    return True
                most = len(failed.rows) // 2

    async def _give_up(self, failed: _GaveUp) -> None:
        [row] = failed.rows
        async with self.context.db.connection() as connection, connection.transaction():
            await self.parking.failed_again(connection, row, failed.code, failed.reason, final=failed.final)

    async def _try_next(self, most: int) -> bool:
        async with self.context.db.connection() as connection, self.effect.transaction(connection) as tx:
            turn = await self.parking.next_turn(connection, most)
            if turn is None:
                return False
            rows, deliveries = self._readable(turn.rows)
            try:
                if deliveries:
                    await self.effect.handle(tx, deliveries)
                await self.parking.done(connection, rows)
            except Exception as error:
                if is_trouble(error):
                    raise
                failed = [turn.due] if isinstance(error, VersionGap) and len(rows) == 1 else rows
                raise _GaveUp(failed, *explained(error), final=is_final(error)) from error
        if tx.has_told:
            self.context.wake.notify()
        return True

    def _readable(self, rows: Sequence[asyncpg.Record]) -> tuple[Sequence[asyncpg.Record], list[Delivery[Any]]]:
        """The rows before the first that cannot be read, and their deliveries. Raises when there is none before it."""
        deliveries: list[Delivery[Any]] = []
        for number, row in enumerate(rows):
            read = self.reader.read(record_of(row))
            if isinstance(read, Poison):
                if number == 0:
                    raise _GaveUp([row], read.code, read.reason, final=True)
                return rows[:number], deliveries
            if read is not None:
                deliveries.append(read)
        return rows, deliveries

    async def _measure(self) -> None:
        async with self.context.db.connection() as connection:
            await self.parking.follow(connection)
            depth = await self.parking.depth(connection)
        for state in ("retry", "parked"):
            PARKED_DEPTH.labels(self.parking.group, state).set(depth.get(state, 0))
