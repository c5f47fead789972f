"""Rows as an import sent them, read against the resource's template once more: what comes over the log is not trusted.

Column by column: a value that stands in a hundred rows is read once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticUndefined

from plantkit.http.problems import invalid
from takt_contracts.imports.rows import RowBatch, RowRefusal
from takt_contracts.template import ImportTemplate, TemplateColumn

FILL = "Fill the cell."
_LONGEST = 300
_MOST_KNOWN = 5_000
CORRECT = "Correct the cell, or leave it empty where it may be."
_TEXT = frozenset({str, type(None)})
Key = tuple[Any, ...]
Wrong = Mapping[int, Any]


@dataclass(slots=True)
class Incoming:
    """One batch. `columns` hold a value for each row: None is null where the field may be null, else it says nothing.

    `refused` are reasons against rows by their place in the batch; `lacking` what a row does not say and a creation
    needs.
    """

    batch: RowBatch
    columns: dict[str, list[Any]]
    keys: list[Key]
    refused: dict[int, list[RowRefusal]] = field(default_factory=dict)
    lacking: dict[int, list[str]] = field(default_factory=dict)

    def number(self, place: int) -> int:
        """What the spreadsheet shows as the row's number."""
        number = self.batch.rows[place][0]
        return number if type(number) is int and number >= 0 else 0

    def refuse(self, place: int, code: str, detail: str, *, hint: str, field: str | None = None) -> None:
        """One more reason against a row."""
        refusal = RowRefusal(row=self.number(place), code=code, detail=detail[:_LONGEST], field=field, hint=hint)
        self.refused.setdefault(place, []).append(refusal)

    def refuse_all(self, code: str, detail: str, *, hint: str) -> None:
        for place in range(len(self.batch.rows)):
            self.refuse(place, code, detail, hint=hint)


class RowReader:
    """Reads batches for one template."""

    def __init__(self, template: ImportTemplate) -> None:
        self.template = template
        self.defaults = dict(_defaults(template))
        self._readers = {column.field: ColumnReader(column) for column in template.columns}

    def read(self, batch: RowBatch) -> Incoming:
        """Every value of every row; no row stops another."""
        if wrong := _misshapen(self.template, batch):
            refused = Incoming(batch, {}, [()] * len(batch.rows))
            refused.refuse_all("rows.misshapen", wrong, hint="Send the rows as the template has them.")
            return refused
        given = list(zip(*batch.rows, strict=True))[1:] if batch.rows else [()] * len(batch.columns)
        found = Incoming(batch, {}, [])
        for name, values in zip(batch.columns, given, strict=True):
            found.columns[name] = self._column(name, values, found)
        found.keys = list(zip(*(found.columns[name] for name in self.template.key), strict=True))
        for column in self.template.columns:
            _look_for_gaps(column, found)
        return found

    def _column(self, name: str, values: Sequence[Any], found: Incoming) -> list[Any]:
        """Typed values; None for those that are refused."""
        typed, wrong = self._readers[name].read(values)
        for place, error in wrong.items():
            told = invalid([{**error, "loc": ("body", name, *error["loc"][1:])}]).errors[0]
            found.refuse(place, told.code, told.detail, field=told.pointer.removeprefix("/"), hint=CORRECT)
        return typed


class ColumnReader:
    """Reads one column. Text that repeats is read once, also in the batches that follow.

    `1` and `true` are equal to Python, so all that is no text is read value by value.
    """

    def __init__(self, column: TemplateColumn) -> None:
        self._reader: TypeAdapter[list[Any]] = TypeAdapter(list[column.annotation])  # type: ignore[name-defined]  # known when it runs
        self._known: dict[Any, Any] = {None: None}

    def read(self, values: Sequence[Any]) -> tuple[list[Any], Wrong]:
        """Typed values, None for those that are wrong, and by their places what is wrong with these."""
        if not _TEXT.issuperset(map(type, values)):
            return self._each(values)
        wrong = self._learn(list(set(values).difference(self._known)))
        if not wrong:
            return list(map(self._known.__getitem__, values)), {}
        said = {place: wrong[value] for place, value in enumerate(values) if value in wrong}
        return list(map(self._known.get, values)), said

    def _learn(self, values: Sequence[Any]) -> Mapping[Any, Any]:
        """Know these from now on. Answers what is wrong with those that cannot be."""
        typed, wrong = self._each(values)
        if len(self._known) > _MOST_KNOWN:
            self._known = {None: None}
        self._known.update((value, typed[place]) for place, value in enumerate(values) if place not in wrong)
        return {values[place]: error for place, error in wrong.items()}

    def _each(self, values: Sequence[Any]) -> tuple[list[Any], Wrong]:
        places = [place for place, value in enumerate(values) if value is not None]
        asked = [values[place] for place in places]
        typed: list[Any] = [None] * len(values)
        try:
            known = self._reader.validate_python(asked)
            wrong: Wrong = {}
        except ValidationError as failed:
            known, wrong = self._without_wrong(asked, failed)
        for place, value in zip(places, known, strict=True):
            typed[place] = value
        return typed, {places[place]: error for place, error in wrong.items()}

    def _without_wrong(self, values: Sequence[Any], failed: ValidationError) -> tuple[list[Any], Wrong]:
        """The first thing that is wrong with each value counts."""
        wrong = {int(error["loc"][0]): error for error in reversed(failed.errors(include_url=False))}
        right = iter(self._reader.validate_python([one for place, one in enumerate(values) if place not in wrong]))
        return [None if place in wrong else next(right) for place in range(len(values))], wrong


def has_rules(model: type[BaseModel]) -> bool:
    """Whether a model checks more than each field's own annotation does."""
    rules = model.__pydantic_decorators__
    return bool(rules.field_validators or rules.model_validators or rules.validators or rules.root_validators)


def _defaults(template: ImportTemplate) -> Iterator[tuple[str, Any]]:
    """What a creation takes where a row says nothing. Openings have none: nothing was brought along."""
    for name, info in template.row.model_fields.items():
        if _optional(info) and not template.by_field[name].opening:
            yield name, info.get_default(call_default_factory=True)


def _optional(info: Any) -> bool:
    return info.default is not PydanticUndefined or info.default_factory is not None


def _misshapen(template: ImportTemplate, batch: RowBatch) -> str | None:
    unknown = [name for name in batch.columns if name not in template.by_field]
    missing = [name for name in template.key if name not in batch.columns]
    if unknown or missing or len(set(batch.columns)) < len(batch.columns):
        return f"The columns {', '.join(batch.columns)} are not those of {template.id}, or lack its key."
    if any(len(row) != len(batch.columns) + 1 for row in batch.rows):
        return "A row has more or fewer values than there are columns."
    if batch.bases is not None and len(batch.bases) != len(batch.rows):
        return "There are more or fewer versions than rows."
    return None


def _look_for_gaps(column: TemplateColumn, found: Incoming) -> None:
    """A row without its key is nobody's; other gaps matter to a creation only."""
    if not column.required:
        return
    for place in _gaps(found.columns.get(column.field), len(found.keys)):
        if not column.key:
            found.lacking.setdefault(place, []).append(column.field)
        elif place not in found.refused:
            found.refuse(place, "field.missing", f"{column.title} is missing.", field=column.field, hint=FILL)


def _gaps(values: Sequence[Any] | None, count: int) -> Iterable[int]:
    if values is None:
        return range(count)
    return [place for place, value in enumerate(values) if value is None] if None in values else ()
