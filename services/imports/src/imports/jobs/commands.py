"""What is ordered of an import, by events, by the worker and by people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from imports.jobs import batches, sending
from imports.jobs.batches import Chunk
from imports.jobs.errors import BadMapping, PlanChanged, UnknownTarget
from imports.jobs.model import Import, ImportWork
from imports.jobs.rules import Action, Failure
from plantkit import work
from plantkit.db.tx import Tx
from plantkit.errors import Forbidden
from plantkit.http.etag import IfMatch
from plantkit.work import Fenced, Lease
from takt_contracts import catalog
from takt_contracts.imports.files import UploadedFile
from takt_contracts.imports.jobs import ImportState, MappedColumn, Reason, Suggestion, Totals
from takt_contracts.imports.rows import RowResults
from takt_contracts.problem import FieldError
from takt_contracts.roles import Role
from takt_contracts.template import ImportTemplate

READ, SEND = "read", "send"


async def receive_file(tx: Tx, file: UploadedFile) -> None:
    """A file is an import from here on, or one that failed before it began. The same file again is nothing new."""
    if await tx.maybe(Import, id=file.id) is not None:
        return
    job = tx.new(Import, **Import.values_of(file))
    job.received()
    refused = _refusal_of(file)
    if refused is not None:
        sending.fail(tx, job, refused.code, refused.detail, Totals())
    tx.add(
        ImportWork,
        id=file.id,
        lane=file.uploaded_by,
        task=READ,
        fields="[]",
        not_before=tx.now,
        finished_at=None if refused is None else tx.now,
        **dict.fromkeys(("epoch", "attempts", "rows_read", "rows_rejected", "batches"), 0),
    )


def _refusal_of(file: UploadedFile) -> Reason | None:
    """Why a file is not even looked at. What is to be imported may still be open: then its header decides."""
    name = file.template or file.target
    if name is None:
        return None
    template = catalog.templates().get(name)
    if template is None:
        code = Failure.TEMPLATE_UNKNOWN if file.template else Failure.TARGET_UNKNOWN
        return Reason(code=code, detail=f"There is no template {name}.")
    if file.target not in (None, template.target):
        return Reason(code=Failure.TARGET_UNKNOWN, detail=f"Template {name} is not for {file.target}.")
    return None if may_import(file.roles, template) else forbidden(template)


def may_import(roles: Sequence[Role], template: ImportTemplate) -> bool:
    return Role.ADMIN in roles or not set(template.writers).isdisjoint(roles)


def forbidden(template: ImportTemplate) -> Reason:
    detail = f"Who uploaded the file may not import {template.id}; that needs the role {template.needed}."
    return Reason(code=Failure.FORBIDDEN, detail=detail)


@dataclass(frozen=True, kw_only=True)
class TakeHead:
    """The sheet was opened and its header read."""

    lease: Lease
    sheet: str | None
    header_row: int
    columns: tuple[MappedColumn, ...]
    template_id: str | None
    suggestions: tuple[Suggestion, ...]
    warnings: tuple[Reason, ...]
    fields: tuple[str, ...]


async def take_head(tx: Tx, cmd: TakeHead) -> bool:
    """Begin to read, from the first row, whoever has read before. False when a person has to map the columns first."""
    job = await held(tx, cmd.lease)
    await batches.clear(tx, job.id, cmd.fields)
    if job.state == ImportState.UPLOADED:
        job.parsed(sheet=cmd.sheet, header_row=cmd.header_row, warnings=cmd.warnings)
    template = None if cmd.template_id is None else catalog.templates()[cmd.template_id]
    if template is not None and not may_import(job.roles, template):
        refused = forbidden(template)
        sending.fail(tx, job, refused.code, refused.detail, Totals())
        await work.finish(tx, ImportWork, job.id)
        return False
    if job.state == ImportState.PARSED:
        job.mapped(cmd.template_id, cmd.columns, cmd.suggestions)
    elif job.has_new_columns(cmd.columns):
        job.mapped(cmd.template_id, cmd.columns, job.suggestions)
    if job.waits:
        await work.finish(tx, ImportWork, job.id)
    return not job.waits


@dataclass(frozen=True, kw_only=True)
class StoreChunk:
    """The next rows of the sheet; it has shown `seen` so far."""

    lease: Lease
    chunk: Chunk
    seen: int


async def store_chunk(tx: Tx, cmd: StoreChunk) -> None:
    await work.hold(tx, ImportWork, cmd.lease)
    await batches.store(tx, cmd.lease.id, cmd.chunk, cmd.seen)


async def end_reading(tx: Tx, lease: Lease) -> bool:
    """The file was read to its end. True when the worker goes on and sends, because all rows take effect together."""
    job = await held(tx, lease)
    read = await tx.one(ImportWork, id=job.id)
    totals = Totals(rows=read.rows_read, rejected=read.rows_rejected)
    job.validated(rows=read.rows_read, rejected=read.rows_rejected)
    if job.atomic and read.rows_rejected:
        detail = f"{read.rows_rejected} of {read.rows_read} rows are not valid, so none is taken."
        sending.fail(tx, job, Failure.ROWS_REJECTED, detail, totals)
    else:
        await sending.set_out(tx, job, batches=read.batches, invalid=read.rows_rejected)
    if job.atomic and job.state == ImportState.COMMITTING:
        await tx.connection.execute("UPDATE import_work SET task = $2 WHERE id = $1", job.id, SEND)
        return True
    await work.finish(tx, ImportWork, job.id)
    return False


async def send_more(tx: Tx, lease: Lease) -> bool:
    """Send another window of an import whose rows take effect together. False when that was the last."""
    job = await held(tx, lease)
    has_more = await sending.send_on(tx, job)
    if not has_more:
        await work.finish(tx, ImportWork, job.id)
    return has_more


@dataclass(frozen=True, kw_only=True)
class GiveUp:
    """The file cannot be imported, and why."""

    lease: Lease
    code: str
    detail: str


async def give_up(tx: Tx, cmd: GiveUp) -> None:
    """Rows that were read are rejected with the rest: nothing of them was sent."""
    job = await held(tx, cmd.lease)
    read = await tx.one(ImportWork, id=job.id)
    sending.fail(tx, job, cmd.code, cmd.detail, Totals(rows=max(read.rows_read, job.total_rows)))
    await work.finish(tx, ImportWork, job.id)


async def held(tx: Tx, lease: Lease) -> Import:
    """The import that this lease is about. Raises Fenced when the lease is over."""
    await work.hold(tx, ImportWork, lease)
    job = await tx.maybe(Import, lock=True, id=lease.id)
    if job is None:
        raise Fenced
    return job


async def take_answers(tx: Tx, answers: Mapping[UUID, Sequence[RowResults]]) -> None:
    """Answers by import. Those to imports that nobody knows here are for somebody else."""
    for import_id in sorted(answers):
        job = await tx.maybe(Import, lock=True, id=import_id)
        if job is not None:
            await sending.take_answers(tx, job, answers[import_id])


@dataclass(frozen=True, kw_only=True)
class OnImport:
    """Which import a person's order is for, and which version of it was seen, where that is said."""

    import_id: UUID
    match: IfMatch


@dataclass(frozen=True, kw_only=True)
class MapColumns(OnImport):
    """Fields by number of the column; without any the header decides."""

    target: str
    columns: Mapping[int, str | None]


@dataclass(frozen=True, kw_only=True)
class CommitImport(OnImport):
    """`plan` is the hash of the plan that was looked at, if that is said."""

    plan: str | None


async def _ordered(tx: Tx, cmd: OnImport, *, is_change: bool = False) -> tuple[Import, ImportWork]:
    """The import and its work, locked. Raises NotFound, PreconditionRequired for a change, Stale, Forbidden."""
    read = await tx.maybe(ImportWork, lock=True, id=cmd.import_id)
    job = await tx.one(Import, lock=True, id=cmd.import_id)
    assert read is not None
    if is_change or cmd.match.tag is not None:
        cmd.match.check(job.version)
    template = catalog.templates().get(job.target or "")
    if template is not None:
        _require_writer(tx, template)
    return job, read


def _require_writer(tx: Tx, template: ImportTemplate) -> None:
    if not tx.principal.has(*template.writers):
        detail = f"Importing {template.id} needs the role {template.needed}."
        raise Forbidden(detail, roles=list(template.writers))


async def map_columns(tx: Tx, cmd: MapColumns) -> Import:
    job, _ = await _ordered(tx, cmd, is_change=True)
    template = catalog.templates().get(cmd.target)
    if template is None:
        raise UnknownTarget(f"There is no template {cmd.target}.")
    _require_writer(tx, template)
    job.mapped_by_hand(template.id, _columns(job, template, cmd.columns))
    await work.again(tx, ImportWork, job.id)
    return job


def _columns(job: Import, template: ImportTemplate, given: Mapping[int, str | None]) -> tuple[MappedColumn, ...]:
    """Every column of the sheet, with its field where it was given one. Raises BadMapping."""
    known = {one.column: one for found in (job.mapping, *(s.columns for s in job.suggestions)) for one in found}
    fields = [field for field in given.values() if field is not None]
    wrong = [f"/columns/{number}" for number in given if number not in known]
    wrong += [f"/columns/{number}" for number, field in given.items() if field and field not in template.by_field]
    if wrong or len(set(fields)) < len(fields):
        raise BadMapping("The mapping does not fit the sheet or the template.", errors=_wrong(wrong))
    return tuple(
        one.model_copy(update={"field": given.get(number), "by": "person" if given.get(number) else None})
        for number, one in sorted(known.items())
        if given
    )


def _wrong(pointers: Sequence[str]) -> list[FieldError]:
    return [FieldError(pointer=one, code="field.value", detail="No such column, or no such field.") for one in pointers]


async def commit_import(tx: Tx, cmd: CommitImport) -> Import:
    job, _ = await _ordered(tx, cmd)
    job.require(Action.COMMIT)
    if cmd.plan is not None and cmd.plan != job.plan_hash:
        raise PlanChanged("The plan is not the one that was looked at.")
    dispatch = await sending.commit_plan(tx, job)
    if job.atomic and dispatch is not None and dispatch.has_more:
        await work.again(tx, ImportWork, job.id)
        await tx.connection.execute("UPDATE import_work SET task = $2 WHERE id = $1", job.id, SEND)
    return job


async def cancel_import(tx: Tx, cmd: OnImport) -> Import:
    job, read = await _ordered(tx, cmd)
    job.require(Action.CANCEL)
    await sending.stop(tx, job, rows_read=read.rows_read)
    await work.finish(tx, ImportWork, job.id)
    return job
