"""Filters of lists by what a type calls searchable: `record_type=inspection&content.result=fail`."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from plantkit.context import Context
from plantkit.http.errors import BadQueryValue, UnknownQueryName
from plantkit.http.filters import ListQuery, Op
from records.kinds import RecordTypeRow
from records.versions import queries

PREFIX: Final = "content."
_PLAIN: Final = frozenset({"number", "integer", "boolean"})


async def asked(context: Context, query: ListQuery, given: Mapping[str, str]) -> dict[str, Any]:
    """The values that records must hold. Raises UnknownQueryName, BadQueryValue."""
    names = [name.removeprefix(PREFIX) for name in given if name.startswith(PREFIX)]
    if not names:
        return {}
    kind = await _kind(context, query)
    _refuse_unknown(names, kind)
    return {name: _value(kind, name, given[PREFIX + name]) for name in names}


async def _kind(context: Context, query: ListQuery) -> RecordTypeRow:
    named = [one.value for one in query.filters if one.field == "record_type" and one.op is Op.EQ]
    if not named:
        raise BadQueryValue("A filter by content needs record_type=<name> beside it.")
    return await queries.kind(context, named[0])


def _refuse_unknown(names: Iterable[str], kind: RecordTypeRow) -> None:
    if unknown := sorted(set(names) - set(kind.searchable)):
        allowed = [PREFIX + name for name in kind.searchable]
        listed = ", ".join(allowed) or "none"
        raise UnknownQueryName(f"There is no {PREFIX}{unknown[0][:80]}; known: {listed}.", allowed=allowed)


def _value(kind: RecordTypeRow, name: str, given: str) -> Any:
    """As the schema has it: text, unless it is a number or a truth."""
    declared = kind.content_schema.get("properties", {}).get(name, {})
    if not isinstance(declared, Mapping) or declared.get("type") not in _PLAIN:
        return given
    try:
        found = orjson.loads(given)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, int | float):
        raise BadQueryValue(f"{PREFIX}{name} is a {declared['type']}.")
    return found
