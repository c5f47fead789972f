"""Rows on their way to the owner of their resource, and what it answers. At most 500 rows and 512 KiB a batch."""

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter

from takt_contracts.event import Event
from takt_contracts.imports.files import OnDuplicate
from takt_contracts.imports.jobs import RowState
from takt_contracts.roles import Role
from takt_contracts.scalars import Count, Version

MOST_ROWS: Final = 500
MOST_BYTES: Final = 512 * 1024


class Phase(StrEnum):
    """`plan` asks what would happen and changes nothing; `commit` does it."""

    PLAN = "plan"
    COMMIT = "commit"


Sealed = Annotated[str | None, Field(description="What only the services read, closed; else null.", examples=[None])]
_ROWS: Final[TypeAdapter[Any]] = TypeAdapter(tuple[tuple[JsonValue, ...], ...])


class RowBatch(BaseModel):
    """Rows of one file for one target.

    Each row is its number in the sheet, then a value for each of `columns`, as JSON has it in the API. null in a field
    that cannot be null says nothing. `bases` are the versions that a plan showed, one for each row: 0 where there was
    nothing; without them a row meets whatever is there.
    """

    model_config = ConfigDict(frozen=True)

    import_id: UUID = Field(examples=["0195571f-8c4d-7a10-9b2e-3f4a5b6c7d8e"])
    phase: Phase
    batch: Version = Field(description="Number of the batch, from 1.", examples=[1])
    batches: Version = Field(description="How many there are.", examples=[1])
    owner: str = Field(examples=["operations"])
    target: str = Field(examples=["items"])
    atomic: bool = False
    on_duplicate: OnDuplicate = OnDuplicate.UPDATE
    uploaded_by: str = Field(examples=["planner-1"])
    roles: tuple[Role, ...] = Field(examples=[["PLANNER"]])
    columns: tuple[str, ...] = Field(examples=[["code", "name"]])
    rows: tuple[tuple[JsonValue, ...], ...] = Field(examples=[[[5, "SHAFT-40", "Shaft 40 mm"]]])
    bases: tuple[Count, ...] | None = Field(None, examples=[None])
    confidential: bool = Field(False, description="Not for everyone: on the log `sealed` stands for `rows`.")
    sealed: Sealed = None


class RowsReady(Event):
    """A batch of rows is ready for its owner. `version` counts the batches sent of one import, in all phases."""

    service: ClassVar[str] = "imports"
    entity: ClassVar[str] = "rows"
    key: ClassVar[tuple[str, ...]] = ("import_id",)
    fact: ClassVar[str] = "ready"
    internal: ClassVar[bool] = True

    state: RowBatch

    @property
    def is_confidential(self) -> bool:
        return self.state.confidential

    def closed(self, close: Callable[[bytes], str]) -> Self:
        return self._with(rows=(), sealed=close(_ROWS.dump_json(self.state.rows)))

    def opened(self, open_: Callable[[str], bytes]) -> Self:
        if self.state.sealed is None:
            return self
        return self._with(rows=_ROWS.validate_json(open_(self.state.sealed)), sealed=None)

    def _with(self, **changed: Any) -> Self:
        return self.model_copy(update={"state": self.state.model_copy(update=changed)})


class RowRefusal(BaseModel):
    """Why a row was rejected or found stale; several of one row where several fields are wrong."""

    model_config = ConfigDict(frozen=True)

    row: Count = Field(examples=[17])
    code: str = Field(examples=["reference.unknown"])
    detail: str = Field(examples=["There is no workplace CNC-99."])
    field: str | None = Field(None, examples=["workplace"])
    hint: str | None = Field(None, examples=["Create the workplace first, or correct the code."])


class RowChange(BaseModel):
    """What an update changes or would change: the values before, by field."""

    model_config = ConfigDict(frozen=True)

    row: Count = Field(examples=[17])
    before: dict[str, JsonValue] = Field(examples=[{"name": "Shaft"}])


class RowResults(BaseModel):
    """What became of a batch: a state and a version for each of its rows, in their order.

    The version is the one after the change, or in a plan the one that is there now; 0 where there is nothing.
    """

    model_config = ConfigDict(frozen=True)

    import_id: UUID = Field(examples=["0195571f-8c4d-7a10-9b2e-3f4a5b6c7d8e"])
    phase: Phase
    batch: Version = Field(examples=[1])
    target: str = Field(examples=["items"])
    states: tuple[RowState, ...] = Field(examples=[["created"]])
    versions: tuple[Count, ...] = Field(examples=[[1]])
    refusals: tuple[RowRefusal, ...] = Field((), examples=[[]])
    changes: tuple[RowChange, ...] = Field((), examples=[[]])
    confidential: bool = Field(False, description="On the log `sealed` stands for `refusals` and `changes`.")
    sealed: Sealed = None


class _Said(BaseModel):
    """What an answer says of values."""

    refusals: tuple[RowRefusal, ...]
    changes: tuple[RowChange, ...]


class RowsApplied(Event):
    """The owner has dealt with a batch. `version` is that of the RowsReady that it answers."""

    entity: ClassVar[str] = "rows-applied"
    key: ClassVar[tuple[str, ...]] = ("import_id",)
    fact: ClassVar[str] = "answered"
    internal: ClassVar[bool] = True

    state: RowResults

    @property
    def is_confidential(self) -> bool:
        return self.state.confidential

    def closed(self, close: Callable[[bytes], str]) -> Self:
        said = _Said(refusals=self.state.refusals, changes=self.state.changes)
        return self._with(refusals=(), changes=(), sealed=close(said.model_dump_json().encode()))

    def opened(self, open_: Callable[[str], bytes]) -> Self:
        if self.state.sealed is None:
            return self
        said = _Said.model_validate_json(open_(self.state.sealed))
        return self._with(refusals=said.refusals, changes=said.changes, sealed=None)

    def _with(self, **changed: Any) -> Self:
        return self.model_copy(update={"state": self.state.model_copy(update=changed)})


class OperationsRowsApplied(RowsApplied):
    """Operations has dealt with a batch."""

    service: ClassVar[str] = "operations"


class RecordsRowsApplied(RowsApplied):
    """Records has dealt with a batch."""

    service: ClassVar[str] = "records"


ROWS_APPLIED: Final = {event.service: event for event in (OperationsRowsApplied, RecordsRowsApplied)}
