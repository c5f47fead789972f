"""A resource as imports see it: what is derived from its declaration once, and rows made without ceremony."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from inspect import iscoroutinefunction
from operator import itemgetter
from typing import Any, Final

import asyncpg
from pydantic import BaseModel, TypeAdapter, ValidationError
from sqlalchemy import UniqueConstraint
from sqlalchemy.orm.attributes import manager_of_class

from plantkit.db.row import Values, columns_of
from plantkit.db.structured import named_within
from plantkit.db.tx import Tx
from plantkit.http.problems import invalid
from plantkit.ids import new_id
from plantkit.resources.incoming import RowReader, has_rules
from plantkit.resources.references import references
from plantkit.resources.resource import Archivable, Resource
from takt_contracts.event import Event
from takt_contracts.resource import Fields
from takt_contracts.template import template_of

_NO_NAMES: Final[set[str]] = set()


class Target:
    """What imports of one resource need."""

    def __init__(self, resource: Resource[Any, Any]) -> None:
        self.resource = resource
        self.template = template_of(resource.contract)
        self.reader = RowReader(self.template)
        self.table = resource.listing.table
        self.key = self.template.key
        self.references = {column.name: target for column, target in references(self.table)}
        self.named_within = named_within(self.table)
        self.asking_rules = [rule for rule in resource.rules if iscoroutinefunction(rule)]
        self.rules = [rule for rule in resource.rules if not iscoroutinefunction(rule)]
        self.opening = frozenset(column.field for column in self.template.columns if column.opening)
        self._fields = tuple(resource.contract.fields.model_fields)
        self._read_fields = reader_of(self._fields)
        self._columns = columns_of(resource.row)
        self._nullable = frozenset(column.field for column in self.template.columns if column.nullable)
        self._checks_whole = has_rules(resource.contract.fields)
        self.has_rules = bool(resource.rules) or self._checks_whole

    def is_another_rule(self, taken: asyncpg.UniqueViolationError) -> bool:
        """Whether what is taken is no business key: then no second look will find the row that has it."""
        return taken.table_name == self.table.name and taken.constraint_name != self._key_rule

    @cached_property
    def _key_rule(self) -> str | None:
        unique = (found for found in self.table.constraints if isinstance(found, UniqueConstraint))
        return next(str(found.name) for found in unique if {*found.columns.keys()} == {*self.key})

    @cached_property
    def _blank(self) -> Mapping[str, Any]:
        """Every column of a row of which nothing was said."""
        made = vars(self.resource.row()) | self.reader.defaults | {"version": 0}
        return {name: made.get(name) for name in self._columns}

    @cached_property
    def _as_json(self) -> Mapping[str, TypeAdapter[Any]]:
        fields = self.resource.contract.fields.model_fields
        return {name: TypeAdapter(info.rebuild_annotation()) for name, info in fields.items()}

    def new(self, fields: Mapping[str, Any], tx: Tx, by: str) -> Archivable:
        """A row at version 0. Its values were validated one by one, so that its facts need not be once more."""
        now = tx.now
        own = {"id": new_id(), "created_at": now, "updated_at": now, **self.resource.signed(by)}
        return self._loaded({**self._blank, **fields, **own}).bind(now, tell=_told_as_is)

    def revived(self, values: Values, tx: Tx) -> Archivable:
        """A row that is there already."""
        read = {name: values[name] for name in self._columns}
        return self._loaded(read).bind(tx.now, read)

    def _loaded(self, values: Mapping[str, Any]) -> Archivable:
        """As the ORM loads: no defaults, no history."""
        made: Archivable = manager_of_class(self.resource.row).new_instance()
        made.__dict__.update(values)
        return made

    def written(self, values: Values) -> Fields:
        """What a client may write of them: each is valid on its own, and so are they together."""
        chosen = dict(zip(self._fields, self._read_fields(values), strict=True))
        return self._whole(chosen) if self._checks_whole else as_is(self.resource.contract.fields, chosen)

    def _whole(self, values: Mapping[str, Any]) -> Fields:
        try:
            whole: Fields = self.resource.contract.fields.model_validate(values)
        except ValidationError as wrong:
            raise invalid([{**error, "loc": ("body", *error["loc"])} for error in wrong.errors()]) from None
        return whole

    def changed(self, now: Values, given: Mapping[str, Any]) -> dict[str, Any]:
        """What a row says otherwise than it is. Null in a field that cannot be null says nothing."""
        return {
            name: value
            for name, value in given.items()
            if value != now[name] and (value is not None or name in self._nullable)
        }

    def before(self, now: Values, changed: Mapping[str, Any]) -> dict[str, Any]:
        """The values that are changed, as the API shows them. A choice is a plain text where it is kept: no warning."""
        return {name: self._as_json[name].dump_python(now[name], mode="json", warnings=False) for name in changed}


def as_is(model: type[BaseModel], values: dict[str, Any]) -> Any:
    """A model of values that are known to be valid. A tenth of the cost of pydantic's own `model_construct`."""
    made = model.__new__(model)
    put = object.__setattr__
    put(made, "__dict__", values)
    put(made, "__pydantic_fields_set__", _NO_NAMES)
    put(made, "__pydantic_extra__", None)
    put(made, "__pydantic_private__", None)
    return made


def reader_of(names: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    """Reads several keys at once, as `itemgetter` does, which answers one of one name alone."""
    return itemgetter(*names) if len(names) > 1 else lambda values: (values[names[0]],)


def _told_as_is(event: type[Event], row: Any, facts: Mapping[str, Any]) -> Event:
    """The fact about a new row: every value was validated when it was read, or was made here."""
    entity: Any = type(row)
    form = _form(event, entity)
    values = vars(row)
    state = dict(zip(form.columns, form.read(values), strict=True))
    for name in form.composed:
        state[name] = getattr(row, name)
    told = {"version": values["version"], "state": as_is(form.state, state), **form.blank, **facts}
    made: Event = as_is(event, told)
    return made


@dataclass(frozen=True, slots=True)
class _Form:
    """How the state of an event is read from a row: what its columns hold, and what it composes of several."""

    state: type[BaseModel]
    columns: tuple[str, ...]
    composed: tuple[str, ...]
    read: Callable[[Any], tuple[Any, ...]]
    blank: Mapping[str, Any]


@cache
def _form(event: Any, entity: Any) -> _Form:
    fields = event.model_fields
    state: Any = fields["state"].annotation
    columns = tuple(name for name in state.model_fields if name in columns_of(entity))
    composed = tuple(name for name in state.model_fields if name not in columns)
    blank = {
        name: info.get_default(call_default_factory=True) for name, info in fields.items() if not info.is_required()
    }
    return _Form(state, columns, composed, reader_of(columns), blank)
