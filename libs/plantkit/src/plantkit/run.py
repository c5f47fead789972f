"""One command, one transaction: run a handler, write what it gathered, commit, and only then answer.

The order is visible here and depends on no framework: what FastAPI runs after a dependency's `yield` runs after the
answer was sent, so nothing is ever committed there.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, TypeVar

import asyncpg
import orjson
from fastapi import Depends, Request, Response
from pydantic import BaseModel

from plantkit import crash
from plantkit.audit import change_row, refusal_row
from plantkit.auth.principal import SYSTEM, Principal
from plantkit.context import Context
from plantkit.db.constraints import explain
from plantkit.db.engine import FAILED, LOST_CONNECTION, TOO_BUSY
from plantkit.db.holds import unknown
from plantkit.db.row import Aggregate, Values
from plantkit.db.tx import Origin, Overtaken, Tx
from plantkit.db.writer import Writes
from plantkit.errors import Busy, DomainError, IdempotencyInProgress, IdempotencyKeyReused, Stale, Unavailable
from plantkit.http.consistency import HEADER as CONSISTENCY_HEADER
from plantkit.idempotency import Answer, Keyed, stored_answer
from plantkit.observability.metrics import COMMAND_RETRIES
from plantkit.telling import outbox_row

C = TypeVar("C")
T = TypeVar("T")
Handler = Callable[[Tx, C], Awaitable[T]]
View = Callable[[Any], Answer]
_ATTEMPTS = 3


_AGAIN = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, Overtaken)


class _Replay(Exception):
    """The key was answered before; nothing was written."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs commands of one caller. Routes receive it as `Run`."""

    context: Context
    principal: Principal
    origin: Origin
    keyed: Keyed | None = None
    now: Callable[[], datetime] = field(kw_only=True)

    async def __call__(self, handler: Handler[C, T], command: C) -> T:
        """Run and commit; answers what the handler returned. For callers that are not HTTP and carry no key."""
        result, _ = await self._attempt(handler, command, None)
        return result

    async def answer(
        self,
        handler: Handler[C, T],
        command: C,
        *,
        view: type[BaseModel] | None,
        status: int = 200,
        location: str | None = None,
    ) -> Response:
        """Run, commit, answer with the new state; a repeated Idempotency-Key gets the stored answer, byte for byte."""
        try:
            _, answer = await self._attempt(handler, command, _render(self.context, view, status, location))
        except _Replay as again:
            return again.answer.response(replayed=True)
        assert answer is not None
        return answer.response()

    async def _attempt(self, handler: Handler[C, T], command: C, view: View | None) -> tuple[T, Answer | None]:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await self._once(handler, command, view, first_try=attempt == 1)
            except _AGAIN as met:
                COMMAND_RETRIES.labels(type(met).__name__.removesuffix("Error")).inc()
                if attempt == _ATTEMPTS:
                    raise Busy("Other commands kept changing the same rows.") from None
            except asyncpg.UniqueViolationError as taken:
                if taken.constraint_name != "idempotency_pkey":
                    raise await self._refusal(explain(taken)) from None
            except asyncpg.IntegrityConstraintViolationError as broken:
                raise await self._refusal(explain(broken)) from None
            except TOO_BUSY:
                raise Busy("The rows are locked by another command for too long.") from None
            except LOST_CONNECTION as lost:
                raise Unavailable("The database went away; whether the command took effect is not known.") from lost
            except DomainError as refused:
                raise await self._refusal(refused) from None
        raise Busy("Another request with the same key kept winning.")

    async def _once(
        self, handler: Handler[C, T], command: C, view: View | None, *, first_try: bool
    ) -> tuple[T, Answer | None]:
        async with self.context.db.connection() as connection:
            about: dict[str, Any] = {"now": self.now(), "principal": self.principal, "origin": self.origin}
            tx = Tx(connection, first_try=first_try, seen=self.context.commands.seen, **about)
            try:
                result = await handler(tx, command)
                answer = view(result) if view is not None else None
                await self.write(tx, answer)
                if tx.begun:
                    crash.point("cmd.after_write_before_commit")
                    await connection.execute("COMMIT")
            except asyncpg.UniqueViolationError as taken:
                await _roll_back(tx)
                if tx.has_met(taken):
                    raise Overtaken from None
                raise
            except BaseException:
                await _roll_back(tx)
                raise
        crash.point("cmd.after_commit_before_response")
        if tx.has_told:
            self.context.wake.notify()
        return result, answer

    async def write(self, tx: Tx, answer: Answer | None = None) -> None:
        """Everything the handler left, as one statement. Consumers call it inside their own transaction."""
        writes = tx.writes()
        writes.outbox.extend(self._outbox(tx))
        if self.keyed is not None and answer is not None:
            writes.answer = self.keyed.row(answer)
        if not (writes.outbox or writes.inserted or writes.answer):
            return
        if writes.changed_rows > 1 or crash.armed("cmd.after_write_before_commit"):
            await tx.begin()
        self._judge(tx, writes, await self.context.commands.write(tx, writes))

    def _outbox(self, tx: Tx) -> Iterator[dict[str, Any]]:
        """The facts of aggregates and their audit entry, then what was refused and said beside them."""
        about: dict[str, Any] = {"now": tx.now, "settings": self.context.settings}
        told = tx.told()
        for _, event in told:
            yield outbox_row(event, principal=tx.principal, origin=tx.origin, **about)
        if told:
            yield change_row(told, tx, self.context.settings)
        for refused in tx.refused:
            yield refusal_row(refused, tx, self.context.settings)
        for said in tx.said:
            yield outbox_row(said.event, principal=said.principal, origin=said.origin, **about)

    def _judge(self, tx: Tx, writes: Writes, outcome: Values) -> None:
        if writes.answer is not None and self.keyed is not None:
            if not outcome["got"]:
                raise IdempotencyInProgress("The first request with this Idempotency-Key is still running.")
            if outcome["status"] is not None:
                raise _Replay(self._known(Answer.of(outcome)))
        if not writes.all_kept(outcome):
            raise Overtaken
        if missing := writes.not_held(outcome):
            raise unknown(missing)
        if outcome["changed"] != writes.changed_rows:
            if tx.has_claimed:
                raise Overtaken
            raise Stale("It was changed by somebody else in the meantime.")

    def _known(self, answer: Answer) -> Answer:
        if self.keyed is None or answer.request_sha256 != self.keyed.request_sha256:
            raise IdempotencyKeyReused("This Idempotency-Key was used with another request.")
        return answer

    async def _refusal(self, refused: DomainError) -> Exception:
        """A repeat of a command that succeeded is refused by its own effect, so the stored answer goes first."""
        if self.keyed is None or isinstance(refused, (IdempotencyInProgress, IdempotencyKeyReused)):
            return refused
        try:
            answer = await stored_answer(self.context.db, self.keyed)
        except (*LOST_CONNECTION, *TOO_BUSY):
            return Unavailable("The database went away before it was known whether this is a repeat.")
        if answer is None:
            return refused
        try:
            return _Replay(self._known(answer))
        except IdempotencyKeyReused as reused:
            return reused


async def _roll_back(tx: Tx) -> None:
    """End what was begun. A connection that cannot even do that is not given back to the pool."""
    if tx.begun and not tx.connection.is_closed():
        with suppress(*FAILED):
            await tx.connection.execute("ROLLBACK")


def _render(context: Context, view: type[BaseModel] | None, status: int, location: str | None) -> View:
    def render(result: Any) -> Answer:
        body = b"" if view is None else _seen(result, view).model_dump_json().encode()
        headers = {} if view is None else {"content-type": "application/json"}
        if isinstance(result, Aggregate):
            headers["etag"] = f'"{result.version}"'
            headers[CONSISTENCY_HEADER] = context.consistency.token(result)
        if location is not None:
            headers["location"] = location
        return Answer(status, orjson.dumps(headers).decode(), body)

    return render


def _seen(result: Any, view: type[BaseModel]) -> BaseModel:
    """What was told last is the state as it is now: it need not be made a second time."""
    told = result.told if isinstance(result, Aggregate) else ()
    if told and type(told[-1].state) is view:
        return told[-1].state
    return view.model_validate(result, from_attributes=True)


async def runner(request: Request) -> Runner:
    """The runner of a request: its caller, its key, where it came from."""
    context: Context = request.app.state.context
    state = request.state
    return Runner(
        context,
        getattr(state, "principal", SYSTEM),
        state.origin,
        getattr(state, "keyed", None),
        now=context.clock,
    )


Run = Annotated[Runner, Depends(runner)]
