"""From an import to the owner of its rows and back: windows of batches, their answers, and what follows the last one.

Whoever changes an import locks its work, then its row, then its dispatch. Everything here is part of a command.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import bindparam, update

from imports.jobs import batches
from imports.jobs.batches import REJECTED, Stored
from imports.jobs.errors import AnswerDoesNotFit
from imports.jobs.metrics import IMPORT_ROWS, IMPORT_SECONDS
from imports.jobs.model import COUNTED, Dispatch, Import
from imports.jobs.rules import ENDED, Failure, closed, counted, letters_of, totals_of, whole
from plantkit import crash
from plantkit.db.engine import compile_statement
from plantkit.db.tx import Tx
from takt_contracts import catalog
from takt_contracts.imports.files import Mode, OnDuplicate
from takt_contracts.imports.jobs import ImportState, RowState, Totals
from takt_contracts.imports.rows import Phase, RowBatch, RowResults

WINDOW: Final = 16
"""Batches of one import that are on their way at once: enough for its owner never to wait for us."""

_SAVED = (
    "messages",
    "phase",
    "last_batch",
    "outstanding",
    "stopped",
    "has_plan",
    "rows_sent",
    "rows_answered",
    *COUNTED,
)
_COLUMNS = Dispatch.__table__.c
_SAVE = compile_statement(
    update(Dispatch)
    .where(Dispatch.id == bindparam("import_id"))
    .values({name: bindparam(f"new_{name}", type_=_COLUMNS[name].type) for name in _SAVED})
)


async def set_out(tx: Tx, job: Import, *, batches: int, invalid: int) -> None:
    """What follows validation: ask what would happen, or go on and do it."""
    if job.mode == Mode.PLAN:
        if batches == 0:
            job.planned(job.totals, None)
        else:
            await _send_first(tx, job, Phase.PLAN, batches=batches, invalid=invalid)
        return
    job.planned(job.totals, None)
    job.started(rejected=invalid)
    if batches == 0:
        _end(tx, job, job.totals)
    else:
        await _send_first(tx, job, Phase.COMMIT, batches=batches, invalid=invalid)


async def _send_first(tx: Tx, job: Import, phase: Phase, *, batches: int, invalid: int) -> None:
    values = Dispatch.values_of(phase, batches=batches, invalid=invalid)
    await _send(tx, job, tx.add(Dispatch, id=job.id, **values), WINDOW)


async def commit_plan(tx: Tx, job: Import) -> Dispatch | None:
    """Send what was planned, on the versions that the plan showed. None when there is nothing to send."""
    dispatch = await tx.maybe(Dispatch, lock=True, id=job.id)
    if dispatch is None:
        job.started(rejected=job.total_rejected)
        _end(tx, job, job.totals)
        return None
    dispatch.begin_commit()
    job.started(rejected=dispatch.invalid)
    await _send(tx, job, dispatch, WINDOW)
    await _settle(tx, job, dispatch)
    return dispatch


async def send_on(tx: Tx, job: Import) -> bool:
    """Send another window, whatever was answered. False when nothing is left to send."""
    dispatch = await tx.one(Dispatch, lock=True, id=job.id)
    await _send(tx, job, dispatch, WINDOW)
    await _save(tx, dispatch)
    return dispatch.has_more


async def _send(tx: Tx, job: Import, dispatch: Dispatch, room: int) -> None:
    """Send the next batches, up to `room` of them."""
    with_plan = dispatch.has_plan
    while room > 0 and dispatch.has_more:
        for stored in await batches.following(tx, job.id, dispatch.last_batch, room, with_plan=with_plan):
            batch = _batch_of(job, dispatch, stored)
            if batch.rows:
                tx.tell(dispatch.next_message(batch))
                room -= 1
            else:
                await batches.leave_out(tx, job.id, stored.number)
                dispatch.leave_out(stored.number, counted(stored.planned or ""))


def _batch_of(job: Import, dispatch: Dispatch, stored: Stored) -> RowBatch:
    """Rows that the plan rejected stay rejected: what was looked at is what is done."""
    rows, bases = stored.rows, stored.bases
    if stored.planned is not None and bases is not None and REJECTED in stored.planned:
        wanted = [place for place, letter in enumerate(stored.planned) if letter != REJECTED]
        rows, bases = tuple(rows[place] for place in wanted), tuple(bases[place] for place in wanted)
    assert job.target is not None
    template = catalog.templates()[job.target]
    return RowBatch.model_construct(
        import_id=job.id,
        phase=Phase(dispatch.phase),
        batch=stored.number,
        batches=dispatch.batches,
        owner=template.owner,
        target=job.target,
        atomic=job.atomic,
        on_duplicate=OnDuplicate(job.on_duplicate),
        uploaded_by=job.uploaded_by,
        roles=job.roles,
        columns=stored.fields,
        rows=rows,
        bases=bases,
        confidential=template.is_confidential,
    )


async def take_answers(tx: Tx, job: Import, answers: Sequence[RowResults]) -> None:
    """Keep what owners say, send on, and move the import when that was the last of it.

    An answer that is there already, or that belongs to a phase that is over, changes nothing.
    """
    dispatch = await tx.maybe(Dispatch, lock=True, id=job.id)
    if dispatch is None:
        return
    awaited = [one for one in answers if one.phase == dispatch.phase]
    known = await batches.sent(tx, job.id, [one.batch for one in awaited], with_plan=dispatch.has_plan)
    for one in awaited:
        await _take(tx, dispatch, one, known.get(one.batch) if one.batch <= dispatch.last_batch else None)
    if job.state in ENDED:
        await _save(tx, dispatch)
        return
    if not dispatch.stopped and not sends_by_worker(job, dispatch):
        await _send(tx, job, dispatch, WINDOW - dispatch.outstanding)
    await _settle(tx, job, dispatch)


def sends_by_worker(job: Import, dispatch: Dispatch) -> bool:
    """Batches that take effect together are answered when all are there, so no answer can ask for the next."""
    return job.atomic and dispatch.phase == Phase.COMMIT


def _is_held_back(job: Import, dispatch: Dispatch) -> bool:
    """Whether the owner waits for more before it does anything, so that nothing has happened yet."""
    return sends_by_worker(job, dispatch) and dispatch.has_more


async def _take(tx: Tx, dispatch: Dispatch, answer: RowResults, known: tuple[int, str | None] | None) -> None:
    letters, versions = letters_of(answer.states), list(answer.versions)
    rows, planned = known or (-1, None)
    left_out = (planned or "").count(REJECTED)
    if not len(letters) == len(versions) == rows - left_out:
        detail = f"{len(letters)} states and {len(versions)} versions answer {rows - left_out} rows."
        raise AnswerDoesNotFit(detail, batch=answer.batch)
    count = len(letters)
    if planned is not None and left_out:
        letters = whole(planned, letters)
        given = iter(versions)
        versions = [0 if letter == REJECTED else next(given) for letter in planned]
    if await batches.keep(tx, answer, letters, versions):
        dispatch.answered(count, counted(letters))


async def _settle(tx: Tx, job: Import, dispatch: Dispatch) -> None:
    if dispatch.is_over:
        crash.point("import.after_last_batch_before_state")
        await _conclude(tx, job, dispatch)
    await _save(tx, dispatch)


async def _save(tx: Tx, dispatch: Dispatch) -> None:
    await tx.execute(_SAVE, import_id=dispatch.id, **{f"new_{name}": getattr(dispatch, name) for name in _SAVED})


async def _conclude(tx: Tx, job: Import, dispatch: Dispatch) -> None:
    totals = totals_of(job.total_rows, dispatch.counts)
    if dispatch.phase == Phase.PLAN:
        if job.atomic and totals.rejected:
            fail(tx, job, Failure.ROWS_REJECTED, f"{totals.rejected} rows would be rejected.", totals)
        else:
            job.planned(totals, await batches.plan_hash(tx, job.id))
    elif dispatch.stopped and dispatch.has_more:
        job.cancelled(totals)
        _measure(tx, job)
    elif job.atomic and totals.rejected + totals.stale:
        fail(tx, job, Failure.ROWS_REJECTED, "Not every row could be taken, so none was.", totals)
    else:
        _end(tx, job, totals)


def _end(tx: Tx, job: Import, totals: Totals) -> None:
    job.done(totals)
    _measure(tx, job)


def fail(tx: Tx, job: Import, code: str, detail: str, totals: Totals) -> None:
    job.failed(code, detail, totals)
    _measure(tx, job)


async def stop(tx: Tx, job: Import, *, rows_read: int) -> None:
    """Cancel: at once where nothing is under way, else when what is on its way was answered."""
    dispatch = await tx.maybe(Dispatch, lock=True, id=job.id)
    if job.state == ImportState.COMMITTING and dispatch is not None and not _is_held_back(job, dispatch):
        dispatch.stopped = True
        await _save(tx, dispatch)
        return
    job.cancelled(closed(Totals(rows=max(job.total_rows, rows_read))))
    _measure(tx, job)


def _measure(tx: Tx, job: Import) -> None:
    target = job.target if job.target in catalog.templates() else "none"
    for state in RowState:
        if count := getattr(job.totals, state.value):
            IMPORT_ROWS.labels(target, state.value).inc(count)
    IMPORT_SECONDS.labels(job.state).observe(max(0.0, (tx.now - job.uploaded_at).total_seconds()))
