"""What becomes of the rows of one batch, and what is written of them. Rows are judged one by one; nothing is sent."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Final, Self, TypeVar

from pydantic import BaseModel

from plantkit.db.holds import Hold
from plantkit.db.holds import unknown as unknown_reference
from plantkit.db.row import Row, Values
from plantkit.db.structured import mentions
from plantkit.db.tx import Tx
from plantkit.errors import DomainError, Forbidden, Invalid
from plantkit.resources.errors import Archived, Drifted, RowExists, TwiceInBatch
from plantkit.resources.incoming import CORRECT, Incoming, Key
from plantkit.resources.resource import Archivable, Source
from plantkit.resources.stock import Known, Present
from plantkit.resources.target import Target
from takt_contracts.imports.files import OnDuplicate
from takt_contracts.imports.jobs import RowState
from takt_contracts.imports.rows import Phase, RowBatch, RowChange, RowResults
from takt_contracts.problem import FieldError
from takt_contracts.resource import Change, Fields
from takt_contracts.roles import Role

BREATH: Final = 32
"""Rows after which others have a turn: requests, and the batch before, which is still being written."""
M = TypeVar("M", bound=BaseModel)
_CHANGING: Final = frozenset({RowState.CREATED, RowState.UPDATED})
_STATES: Final = {Change.CREATED: RowState.CREATED, Change.UPDATED: RowState.UPDATED}
_ROOM: Final = 250_000
"""Bytes of an answer for what rows changed, and for the further reasons against them."""
_CAUSE: Final = "_import_row"


@dataclass(slots=True)
class Verdicts:
    """What became of a batch, row by row, and what is to be written: `divided` are new rows with `parts`."""

    incoming: Incoming
    states: list[RowState]
    versions: list[int]
    changes: dict[int, RowChange] = field(default_factory=dict)
    created: list[Archivable] = field(default_factory=list)
    updated: list[Archivable] = field(default_factory=list)
    divided: list[Archivable] = field(default_factory=list)
    parts: list[Row] = field(default_factory=list)

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

    def keep(self, change: Change, row: Archivable, part: Row | None) -> None:
        """A row to be written."""
        if change is Change.UPDATED:
            self.updated.append(row)
        elif part is None:
            self.created.append(row)
        else:
            self.divided.append(row)
            self.parts.append(part)

    @property
    def changed(self) -> tuple[list[Archivable], list[Archivable], list[Archivable]]:
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
        )


def _that_fit(told: Sequence[M], room: int) -> list[M]:
    """The first ones, as many as `room` bytes hold."""
    sizes = accumulate(len(one.model_dump_json().encode()) for one in told)
    return [one for one, size in zip(told, sizes, strict=True) if size <= room]


def cause_of(row: Archivable) -> int:
    """Number of the row of the sheet that made this one change."""
    number: int = vars(row)[_CAUSE]
    return number


@dataclass(slots=True)  # not frozen, which would double the cost of making one
class _Changed:
    """A row that is good so far: how it changes, and what it was before."""

    row: Archivable
    change: Change
    before: Fields | None
    after: Fields | None
    part: Row | None = None
    shown: dict[str, Any] | None = None


class Judge:
    """Judges the rows of one batch against what is there. `present` gains what a commit will have written."""

    def __init__(self, tx: Tx, target: Target, incoming: Incoming, present: Present, known: Known) -> None:
        self._tx = tx
        self._target = target
        self._resource = target.resource
        self._incoming = incoming
        self._batch = incoming.batch
        self._present = present
        self._source = Source(f"import {incoming.batch.import_id}", incoming.batch.uploaded_by)
        self._seen: set[Key] = set()
        self._given = tuple(name for name in incoming.columns if name not in target.opening)
        self._brought = tuple(name for name in incoming.columns if name in target.opening)
        self._unknown = _unknown(target, incoming, known)
        self._found = Verdicts.of(incoming)

    async def judge(self, places: Iterable[int] | None = None) -> Verdicts:
        """Every row, or those at `places`, each for itself. Raises only what is no refusal."""
        self._refuse_strangers()
        given = _by_row(self._given, self._incoming)
        brought = _by_row(self._brought, self._incoming)
        for place in range(len(given)) if places is None else places:
            if place % BREATH == 0:
                await asyncio.sleep(0)
            if place in self._incoming.refused:
                continue
            try:
                found = self._row(place, given[place], brought[place])
                if found is None:
                    self._found.states[place] = RowState.UNCHANGED
                    continue
                if self._target.asking_rules:
                    await self._ask(found)
                self._keep(place, found)
            except DomainError as refusal:
                self._found.refuse(place, refusal)
        return self._found

    def _refuse_strangers(self) -> None:
        write = self._resource.write
        if not {write, Role.ADMIN}.intersection(self._batch.roles):
            detail = f"Writing {self._target.template.id} needs the role {write}."
            self._incoming.refuse_all(Forbidden.code, detail, hint=Forbidden.cure)

    def _row(self, place: int, given: Mapping[str, Any], brought: Mapping[str, Any]) -> _Changed | None:
        """How the row changes what is there, or None. Raises DomainError."""
        key = self._incoming.keys[place]
        now = self._present.get(key)
        version = self._found.versions[place] = 0 if now is None else now["version"]
        if self._batch.bases is not None and self._batch.bases[place] != version:
            raise Drifted(f"The plan saw version {self._batch.bases[place]}, now it is {version}.")
        if key in self._seen:
            raise TwiceInBatch(f"{'/'.join(map(str, key))} stands in a row above too.")
        self._seen.add(key)
        if now is None:
            return self._create(place, given, brought)
        return self._meet(place, now, given, brought)

    def _create(self, place: int, given: Mapping[str, Any], brought: Mapping[str, Any]) -> _Changed:
        if place in self._incoming.lacking:
            raise _lacking(self._incoming.lacking[place])
        said = {name: value for name, value in given.items() if value is not None} if None in given.values() else given
        row = self._target.new(said, self._tx, self._source.by)
        if place in self._unknown:
            self._require_references(place, given)
        after = self._check(None, row)
        opening = self._resource.opening
        taken = None if opening is None or not brought else opening.take_over(self._tx, row, brought, self._source)
        self._resource.tell(row, Change.CREATED, **({} if taken is None else taken.facts))
        return _Changed(row, Change.CREATED, None, after, None if taken is None else taken.part)

    def _meet(self, place: int, now: Values, given: Mapping[str, Any], brought: Mapping[str, Any]) -> _Changed | None:
        """A row whose key is there already."""
        if now["archived_at"] is not None:
            raise Archived("It is archived.")
        if self._batch.on_duplicate is OnDuplicate.REFUSE:
            raise RowExists("Its key is in the plant already.")
        if self._batch.on_duplicate is OnDuplicate.SKIP:
            return None
        if brought and self._resource.opening is not None:
            self._resource.opening.compare(now, brought)
        changed = self._target.changed(now, given)
        return self._update(place, now, changed) if changed else None

    def _update(self, place: int, now: Values, changed: Mapping[str, Any]) -> _Changed:
        row = self._target.revived(now, self._tx)
        row.__dict__.update(changed)
        if place in self._unknown:
            self._require_references(place, changed)
        before = self._resource.fields_of(self._target.revived(now, self._tx))
        after = self._check(before, row)
        self._resource.tell(row, Change.UPDATED)
        return _Changed(row, Change.UPDATED, before, after, shown=self._target.before(now, changed))

    def _require_references(self, place: int, names: Collection[str]) -> None:
        """What the row says newly has to be there."""
        unknown = [hold for hold in self._unknown[place] if hold.field.partition("/")[0] in names]
        if unknown:
            raise unknown_reference(unknown)

    def _check(self, before: Fields | None, row: Archivable) -> Fields | None:
        """The rules that need not ask. Answers what the others are asked about."""
        if not self._target.has_rules:
            return None
        after = self._target.written(vars(row))
        for rule in self._target.rules:
            rule(self._tx, before, after)
        return after

    async def _ask(self, found: _Changed) -> None:
        for rule in self._target.asking_rules:
            await rule(self._tx, found.before, found.after)

    def _keep(self, place: int, found: _Changed) -> None:
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


def _unknown(target: Target, incoming: Incoming, known: Known) -> Mapping[int, list[Hold]]:
    """By place in the batch, what refers to nothing."""
    found: dict[int, list[Hold]] = {}
    for name, referred in target.references.items():
        values, there = incoming.columns.get(name, ()), known[name]
        if there.issuperset(values):
            continue
        for place, value in enumerate(values):
            if value is not None and value not in there:
                found.setdefault(place, []).append(Hold(name, referred, value))
    for name, part, referred in target.named_within:
        there = known[f"{name}/{part}"]
        for place, entries in enumerate(incoming.columns.get(name, ())):
            named = mentions(name, entries or (), part)
            holds = [Hold(path, referred, value) for value, path in named.items() if value not in there]
            if holds:
                found.setdefault(place, []).extend(holds)
    return found


def _lacking(names: Sequence[str]) -> Invalid:
    """What a creation needs and the row does not say."""
    detail = "It is needed to create one."
    errors = [FieldError(pointer=f"/{name}", code="field.missing", detail=detail) for name in names]
    return Invalid(detail, errors=errors)


def _by_row(names: Sequence[str], incoming: Incoming) -> Sequence[Mapping[str, Any]]:
    if not names:
        return [{}] * len(incoming.keys)
    columns = (incoming.columns[name] for name in names)
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
