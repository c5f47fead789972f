"""The desk where files are handed in: who may hand in how much, where files are kept."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from fastapi import FastAPI, Request, Response

from gateway.settings import Settings
from gateway.uploads.commands import ReceiveFile, receive_file
from gateway.uploads.errors import TooManyUploads
from gateway.uploads.form import Form
from gateway.uploads.intake import Intake, Received, Sink, digest, nowhere
from gateway.uploads.queries import sent_since
from plantkit import crash
from plantkit.auth.principal import Principal
from plantkit.errors import DomainError, Forbidden, IdempotencyKeyReused, Unavailable
from plantkit.idempotency import Answer, stored_answer
from plantkit.ids import new_id
from plantkit.run import Runner
from plantkit.storage import Storage, StorageAway
from takt_contracts import catalog
from takt_contracts.imports.files import INBOX
from takt_contracts.imports.jobs import Import

_HOUR = timedelta(hours=1)
_COME_BACK_S = 10


@dataclass(frozen=True)
class Desk:
    """Made once at start, found by `desk_of`."""

    settings: Settings
    storage: Storage
    busy: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def one_more(self, user: str) -> Iterator[None]:
        """Raises TooManyUploads while the same user is sending as many as one may at once."""
        if self.busy[user] >= self.settings.uploads_at_once:
            raise TooManyUploads("You are sending too many files at once.", retry_after_s=_COME_BACK_S)
        self.busy[user] += 1
        try:
            yield
        finally:
            self.busy[user] -= 1

    def refuse_more(self, files: int, size: int) -> None:
        """Raises TooManyUploads when the last hour brought as much as one user may send."""
        if files >= self.settings.uploads_per_hour or size >= self.settings.upload_bytes_per_hour:
            raise TooManyUploads(
                f"You sent {files} files with {size} bytes within an hour.", retry_after_s=int(_HOUR.total_seconds())
            )


def desk_of(app: FastAPI) -> Desk:
    found: Desk = app.state.desk
    return found


def key_of(id_: UUID, at: datetime) -> str:
    """Where a file of this door lies. Other systems put theirs elsewhere below the inbox, so that we never sweep it."""
    return f"{INBOX}{at.date().isoformat()}/{id_}"


def admit(principal: Principal, target: str | None) -> None:
    """Raises Forbidden where somebody who may not write the target names it. An unknown one is told later, by name."""
    template = catalog.templates().get(target or "")
    if template is not None and not principal.has(*template.writers):
        raise Forbidden(f"This needs the role {template.needed}.", roles=list(template.writers))


async def hand_in(request: Request, run: Runner, template: str | None) -> Response:
    """Take one file: 202 and the import that it is going to be, or the answer that its key got before."""
    desk, context = desk_of(request.app), run.context
    form = Form(request)
    with desk.one_more(run.principal.id):
        desk.refuse_more(*await sent_since(context.db, run.principal.id, context.clock() - _HOUR))
        assert run.keyed is not None  # the route says @keyed
        before = await stored_answer(context.db, run.keyed)
        if before is not None:
            return await _again(desk, form, run, template, before)
        return await _first(desk, form, run, template)


async def _again(desk: Desk, form: Form, run: Runner, template: str | None, before: Answer) -> Response:
    received = await _intake(desk, run, nowhere, template).read(form)
    if digest(template, received) != before.request_sha256:
        raise IdempotencyKeyReused("This Idempotency-Key was used with another file or other fields.")
    return before.response(replayed=True)


async def _first(desk: Desk, form: Form, run: Runner, template: str | None) -> Response:
    id_ = new_id()
    key = key_of(id_, run.context.clock())
    async with _or_forgotten(desk.storage, key):
        received = await _intake(desk, run, partial(desk.storage.put, key), template).read(form)
        crash.point("import.after_store_before_row")
        answer = await _told(run, digest(template, received), _command(id_, key, received, template))
    if "idempotent-replayed" in answer.headers:
        await desk.storage.delete(key)
    return answer


def _intake(desk: Desk, run: Runner, sink: Sink, template: str | None) -> Intake:
    return Intake(sink, desk.settings.upload_max_bytes, partial(admit, run.principal), template)


async def _told(run: Runner, told: bytes, command: ReceiveFile) -> Response:
    """The key stands for the file and the fields, which are known only now."""
    assert run.keyed is not None
    keyed = replace(run, keyed=replace(run.keyed, request_sha256=told))
    location = f"/api/v1/imports/{command.id}"
    return await keyed.answer(receive_file, command, view=Import, status=202, location=location)


def _command(id_: UUID, key: str, received: Received, template: str | None) -> ReceiveFile:
    file, wishes = received.file, received.wishes
    return ReceiveFile(
        id=id_,
        dataref=key,
        file_name=file.name,
        content_type=file.content_type,
        bytes=file.size,
        sha256=file.sha256,
        template=template,
        target=template or wishes.target,
        mode=wishes.mode,
        atomic=wishes.atomic,
        on_duplicate=wishes.on_duplicate,
    )


@asynccontextmanager
async def _or_forgotten(storage: Storage, key: str) -> AsyncIterator[None]:
    """What is refused leaves no object. Where it is not known whether the command took effect, the sweep decides."""
    try:
        yield
    except Unavailable:
        raise
    except DomainError:
        with suppress(StorageAway):
            await storage.delete(key)
        raise
