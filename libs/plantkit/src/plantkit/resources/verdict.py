"""What becomes of the rows of one batch, and what is written of them. Rows are judged one by one; nothing is sent.

`Judge` is what all targets have in common: versions, duplicates, refusals row by row. Each target says how a row makes
one and how it changes one.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Final, Protocol, Self, TypeVar

import asyncpg
from pydantic import BaseModel

from plantkit.db.row import Aggregate, Row, Values
from plantkit.db.tx import Tx
from plantkit.errors import DomainError, Forbidden, Invalid
from plantkit.resources.errors import Drifted, RowExists, TwiceInBatch
from plantkit.resources.incoming import CORRECT, Incoming, Key, RowReader
from takt_contracts.imports.files import OnDuplicate
from takt_contracts.imports.jobs import RowState
from takt_contracts.imports.rows import Phase, RowBatch, RowChange, RowResults
from takt_contracts.problem import FieldError
from takt_contracts.resource import Change
from takt_contracts.template import ImportTemplate

BREATH: Final = 32
"""Rows after which others have a turn: requests, and the batch before, which is still being written."""
M = TypeVar("M", bound=BaseModel)
Present = dict[Key, Values]
"""Rows that are there, by business key: column values by name."""
_CHANGING: Final = frozenset({RowState.CREATED, RowState.UPDATED})
_STATES: Final = {Change.CREATED: RowState.CREATED, Change.UPDATED: RowState.UPDATED}
_ROOM: Final = 250_000
"""Bytes of an answer for what rows changed, and for the further reasons against them."""
_CAUSE: Final = "_import_row"


@dataclass(slots=True)
class Verdicts:
    """What became of a batch, row by row, and what is to be written: `divided` are new rows with `parts`, as
    changed ones may have.
    """

    incoming: Incoming
    states: list[RowState]
    versions: list[int]
    changes: dict[int, RowChange] = field(default_factory=dict)
    created: list[Aggregate] = field(default_factory=list)
    updated: list[Aggregate] = field(default_factory=list)
    divided: list[Aggregate] = field(default_factory=list)
    parts: list[Row] = field(default_factory=list)
    along: Sequence[Aggregate] = ()

    @classmethod
    def of(cls, incoming: Incoming) -> Self:
        """Nothing is judged yet."""
        count = len(incoming.batch.rows)
        return cls(incoming, [RowState.REJECTED] * count, [0] * count)

    @property
    def batch(self) -> RowBatch:
        return self.incoming.batch

    @property
    def has_changed(self) -> bool:
        return self.batch.phase is Phase.COMMIT and not _CHANGING.isdisjoint(self.states)

    @property
    def has_refused(self) -> bool:
        return bool(self.incoming.refused)

    @property
    def is_forbidden(self) -> bool:
        """Whether the uploader may not write such rows at all."""
        return any(refusal.code == Forbidden.code for refusal in self.incoming.refused.get(0, ()))

    def keep(self, change: Change, row: Aggregate, part: Row | None) -> None:
        """A row to be written."""
        if part is not None:
            self.parts.append(part)
        if change is Change.UPDATED:
            self.updated.append(row)
        elif part is None:
            self.created.append(row)
        else:
            self.divided.append(row)

    @property
    def changed(self) -> tuple[list[Aggregate], list[Aggregate], list[Aggregate]]:
        """Rows to be written and told of."""
        return self.created, self.divided, self.updated

    def let_go(self) -> None:
        """The rows are on their way, and their number may be large."""
        self.created, self.divided, self.parts, self.updated = [], [], [], []

    def refuse(self, place: int, refusal: DomainError) -> None:
        """The row is refused: by field, where the refusal names fields."""
        if not refusal.errors:
            self.incoming.refuse(place, refusal.code, refusal.detail, hint=refusal.cure)
        for error in refusal.errors:
            general = type(refusal) is Invalid
            code, hint = (error.code, CORRECT) if general else (refusal.code, refusal.cure)
            self.incoming.refuse(place, code, error.detail, field=error.pointer.removeprefix("/"), hint=hint)
        self.states[place] = RowState.STALE if isinstance(refusal, Drifted) else RowState.REJECTED

    def take_over(self, some: "Verdicts", places: Iterable[int]) -> None:
        """What was found of some places."""
        for place in places:
            self.states[place], self.versions[place] = some.states[place], some.versions[place]
            self.incoming.refused.pop(place, None)
            if place in some.incoming.refused:
                self.incoming.refused[place] = some.incoming.refused[place]
            if place in some.changes:
                self.changes[place] = some.changes[place]

    def take_back(self, why: DomainError) -> None:
        """Nothing of it was kept: rows that are not refused already are so now, and are as they were before."""
        for place, state in enumerate(self.states):
            if state in _CHANGING:
                self.versions[place] -= 1
            if place not in self.incoming.refused:
                self.refuse(place, why)
        self.changes.clear()

    def results(self) -> RowResults:
        """As the answer tells them. Of very many long ones some are left out, for an event must fit into the log: never
        a state, nor the first reason against a row.
        """
        refused = sorted(self.incoming.refused.items())
        first = [refusals[0] for _, refusals in refused]
        more = [refusal for _, refusals in refused for refusal in refusals[1:]]
        told = sorted(first + _that_fit(more, _ROOM), key=lambda refusal: refusal.row)
        return RowResults(
            import_id=self.batch.import_id,
            phase=self.batch.phase,
            batch=self.batch.batch,
            target=self.batch.target,
            states=tuple(self.states),
            versions=tuple(self.versions),
            refusals=tuple(told),
            changes=tuple(_that_fit([self.changes[place] for place in sorted(self.changes)], _ROOM)),
            confidential=self.batch.confidential,
        )


def _that_fit(told: Sequence[M], room: int) -> list[M]:
    """The first ones, as many as `room` bytes hold."""
    sizes = accumulate(len(one.model_dump_json().encode()) for one in told)
    return [one for one, size in zip(told, sizes, strict=True) if size <= room]


def cause_of(row: Aggregate) -> int:
    """Number of the row of the sheet that made this one change."""
    number: int = vars(row)[_CAUSE]
    return number


@dataclass(slots=True)  # not frozen, which would double the cost of making one
class Changed:
    """A row that is good so far: how it changes, the part that is written with it, and what it was before."""

    row: Aggregate
    change: Change
    part: Row | None = None
    shown: dict[str, Any] | None = None


Ask = Callable[[Changed], Awaitable[None]]
"""Raises DomainError."""


class Judge(ABC):
    """Judges the rows of one batch against what is there. `present` gains what a commit will have written.

    `ask` are the rules that have to ask the database.
    """

    def __init__(self, incoming: Incoming, present: Present, ask: Ask | None = None) -> None:
        self._ask = ask
        self._incoming = incoming
        self._batch = incoming.batch
        self._present = present
        self._seen: set[Key] = set()
        self._found = Verdicts.of(incoming)

    @abstractmethod
    def refuse_strangers(self) -> None:
        """Refuse all rows of somebody who may not write such."""

    @abstractmethod
    def create(self, place: int) -> Changed:
        """What the row makes. Raises DomainError."""

    @abstractmethod
    def update(self, place: int, now: Values) -> Changed | None:
        """How the row changes what is there; None where it says the same. Raises DomainError."""

    async def judge(self, places: Iterable[int] | None = None) -> Verdicts:
        """Every row, or those at `places`, each for itself. Raises only what is no refusal."""
        self.refuse_strangers()
        for place in range(len(self._incoming.keys)) if places is None else places:
            if place % BREATH == 0:
                await asyncio.sleep(0)
            if place in self._incoming.refused:
                continue
            try:
                found = self._row(place)
                if found is None:
                    self._found.states[place] = RowState.UNCHANGED
                    continue
                if self._ask is not None:
                    await self._ask(found)
                self._join(place, found)
                self._keep(place, found)
            except DomainError as refusal:
                self._found.refuse(place, refusal)
        if self._batch.phase is Phase.COMMIT:
            self._found.along = self.changed_along()
        return self._found

    def join(self, found: Changed) -> Aggregate | None:
        """What changes along with a row that is good, such as the whole it is a part of. Raises DomainError."""
        return None

    def changed_along(self) -> Sequence[Aggregate]:
        """All that does so and has something to tell, each with one fact. Written before the rows."""
        return ()

    def _join(self, place: int, found: Changed) -> None:
        along = self.join(found)
        if along is not None:
            vars(along)[_CAUSE] = self._incoming.number(place)

    def _row(self, place: int) -> Changed | None:
        """How the row changes what is there, or None. Raises DomainError."""
        key = self._incoming.keys[place]
        now = self._present.get(key)
        version = self._found.versions[place] = 0 if now is None else now["version"]
        if self._batch.bases is not None and self._batch.bases[place] != version:
            raise Drifted(f"The plan saw version {self._batch.bases[place]}, now it is {version}.")
        if key in self._seen:
            raise TwiceInBatch(f"{'/'.join(map(str, key))} stands in a row above too.")
        self._seen.add(key)
        if now is not None:
            return self.meet(place, now)
        if place in self._incoming.lacking:
            raise _lacking(self._incoming.lacking[place])
        return self.create(place)

    def meet(self, place: int, now: Values) -> Changed | None:
        """A row whose key is there already."""
        if self._batch.on_duplicate is OnDuplicate.REFUSE:
            raise RowExists("Its key is in the plant already.")
        if self._batch.on_duplicate is OnDuplicate.SKIP:
            return None
        return self.update(place, now)

    def _keep(self, place: int, found: Changed) -> None:
        """A plan answers the version that is there, and forgets the row."""
        verdicts, row = self._found, found.row
        verdicts.states[place] = _STATES[found.change]
        if found.shown:
            verdicts.changes[place] = RowChange(row=self._incoming.number(place), before=found.shown)
        if self._batch.phase is Phase.PLAN:
            return
        values = vars(row)
        values[_CAUSE] = self._incoming.number(place)
        verdicts.versions[place] = values["version"]
        self._present[self._incoming.keys[place]] = values
        verdicts.keep(found.change, row, found.part)


class RowTarget(Protocol):
    """What rows of imports become. Each resource is one; a slice names those that are no resources."""

    @property
    def template(self) -> ImportTemplate: ...

    @property
    def reader(self) -> RowReader: ...

    @property
    def asks(self) -> bool:
        """Whether judging asks the database, which then must not be busy with the batch before."""

    async def judges(self, tx: Tx, batches: Sequence[Incoming], *, lock: bool, hold: bool) -> Sequence[Judge]:
        """One for each batch, in one look at what is there. `lock` keeps that as it is, in the order of the keys, so
        that two imports of the same rows wait for each other; `hold` keeps what is referred to.
        """

    def is_another_rule(self, taken: asyncpg.UniqueViolationError) -> bool:
        """Whether what is taken is no business key: then no second look will find the row that has it."""


def _lacking(names: Sequence[str]) -> Invalid:
    """What a creation needs and the row does not say."""
    detail = "It is needed to create one."
    errors = [FieldError(pointer=f"/{name}", code="field.missing", detail=detail) for name in names]
    return Invalid(detail, errors=errors)


def by_row(names: Sequence[str], incoming: Incoming) -> Sequence[Mapping[str, Any]]:
    """Of each row the values of some columns."""
    if not names:
        return [{}] * len(incoming.keys)
    columns = (incoming.columns[name] for name in names)
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
