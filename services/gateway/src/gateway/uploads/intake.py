"""A form with a file, read once: its fields gathered, its file sent on to wherever it is kept, counted and hashed."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from gateway.uploads.errors import EmptyFile, FileTooLarge
from gateway.uploads.form import Form, Part
from gateway.uploads.rules import SNIFFED, clean_name, extension_of, refuse_other_content
from plantkit.errors import Invalid
from plantkit.http.json import canonical
from plantkit.http.problems import invalid
from takt_contracts import catalog
from takt_contracts.imports.files import Mode, OnDuplicate
from takt_contracts.problem import FieldError

Sink = Callable[[AsyncIterator[bytes]], Awaitable[None]]
"""Where the bytes of a file go."""


class Wishes(BaseModel):
    """What is to be done with the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Mode = Mode.PLAN
    atomic: bool = False
    on_duplicate: OnDuplicate = OnDuplicate.UPDATE
    target: str | None = None

    @field_validator("target")
    @classmethod
    def _is_known(cls, target: str | None) -> str | None:
        if target is not None and target not in catalog.templates():
            raise ValueError(f"There is no target {target[:40]!r}: {', '.join(catalog.templates())}.")
        return target


@dataclass
class File:
    """The file of a form while it passes."""

    name: str
    content_type: str
    size: int = 0
    _hash: Any = field(default_factory=hashlib.sha256)

    @property
    def sha256(self) -> str:
        found: str = self._hash.hexdigest()
        return found

    async def passing(self, chunks: AsyncIterator[bytes], most_bytes: int) -> AsyncIterator[bytes]:
        """Raises FileTooLarge with the first byte too many."""
        async for chunk in chunks:
            self.size += len(chunk)
            if self.size > most_bytes:
                raise FileTooLarge(f"A file may have at most {most_bytes} bytes.", limit=most_bytes)
            self._hash.update(chunk)
            yield chunk


@dataclass(frozen=True)
class Received:
    """A whole form that keeps the rules."""

    file: File
    wishes: Wishes


@dataclass
class Intake:
    """Reads one form. `admit` is asked about the fields known so far, before the file is kept and at the end."""

    sink: Sink
    most_bytes: int
    admit: Callable[[str | None], None]
    template: str | None = None
    fields: dict[str, str] = field(default_factory=dict)
    errors: list[FieldError] = field(default_factory=list)
    file: File | None = None

    async def read(self, form: Form) -> Received:
        """Raises what the door refuses; a field that is wrong is told after the whole form was read."""
        async for part in form.parts():
            await (self._text(part) if part.file_name is None else self._file(part))
        return self._judged()

    async def _text(self, part: Part) -> None:
        if part.name in self.fields or part.name == "file":
            detail = "It comes twice." if part.name in self.fields else "It must be a file, with a file name."
            self._refuse(part.name, "field.value", detail)
        elif (value := await part.text()).strip():  # a field that a person left empty says nothing
            self.fields[part.name] = value.strip()

    async def _file(self, part: Part) -> None:
        if part.name != "file" or self.file is not None:
            known = part.name == "file"
            self._refuse(part.name, "field.value" if known else "field.unknown", "One file is read, in `file`.")
        elif part.file_name:
            self.file = await self._kept(part, part.file_name)

    async def _kept(self, part: Part, sent_name: str) -> File:
        name = clean_name(sent_name)
        extension = extension_of(name)
        start = _Beginning(aiter(part))
        head = await start.look(SNIFFED)
        if not head:
            raise EmptyFile("The file is empty.", errors=[_error("file", "field.value", "The file is empty.")])
        refuse_other_content(extension, head)
        self.admit(self.fields.get("target"))
        file = File(name, part.content_type[:200] or "application/octet-stream")
        await self.sink(file.passing(start.all(), self.most_bytes))
        return file

    def _judged(self) -> Received:
        self.admit(self.fields.get("target"))
        if self.file is None:
            self._refuse("file", "field.missing", "A file is needed.")
        wishes = self._wishes()
        if wishes is not None and self.template is not None and wishes.target not in (None, self.template):
            self._refuse("target", "field.value", f"The template {self.template} has another target.")
        if self.errors or self.file is None or wishes is None:
            raise Invalid("The form breaks the rules named in `errors`.", errors=self.errors)
        return Received(self.file, wishes)

    def _wishes(self) -> Wishes | None:
        try:
            return Wishes.model_validate(self.fields)
        except ValidationError as wrong:
            found = [{**error, "loc": ("body", *error["loc"])} for error in wrong.errors(include_url=False)]
            self.errors += invalid(found).errors
            return None

    def _refuse(self, name: str, code: str, detail: str) -> None:
        self.errors.append(_error(name, code, detail))


class _Beginning:
    """Chunks whose first bytes were looked at."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks, self._head = chunks, b""

    async def look(self, count: int) -> bytes:
        """At least `count` bytes, or all there are; they are not lost by it."""
        while len(self._head) < count:
            chunk = await anext(self._chunks, None)
            if chunk is None:
                break
            self._head += chunk
        return self._head

    async def all(self) -> AsyncIterator[bytes]:
        yield self._head
        async for chunk in self._chunks:
            yield chunk


async def nowhere(chunks: AsyncIterator[bytes]) -> None:
    """For a file that is only compared with one that came before."""
    async for _ in chunks:
        pass


def _error(name: str, code: str, detail: str) -> FieldError:
    return FieldError(pointer=f"/{name[:80]}", code=code, detail=detail)


def digest(template: str | None, received: Received) -> bytes:
    """What an Idempotency-Key stands for: the template, the bytes of the file and the fields; not the file's name."""
    told = {"template": template, "sha256": received.file.sha256, **received.wishes.model_dump(mode="json")}
    return hashlib.sha256(canonical(told)).digest()
