"""What differs between two versions, place by place, and what two edits of one version make together. Pure.

Objects are compared name by name; a list is one value, because the place of an item says nothing about which it is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from plantkit.http.json import pointer
from records.i_json import Path
from records.versions.errors import MergeConflict
from takt_contracts.problem import FieldError

Document = Mapping[str, Any]
"""What an edit may change: `content`, `about`, `lifecycle`."""


class Nothing:
    """No value, which null is one of."""


NOTHING: Final = Nothing()


@dataclass(frozen=True, slots=True)
class Change:
    """One place; `before` and `after` may be NOTHING."""

    at: Path
    before: Any
    after: Any


def changes(before: Any, after: Any, at: Path = ()) -> Iterator[Change]:
    """In the order of the names."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in sorted({*before, *after}):
            yield from changes(before.get(name, NOTHING), after.get(name, NOTHING), (*at, name))
    elif not same(before, after):
        yield Change(at, before, after)


def same(one: Any, other: Any) -> bool:
    """As JSON sees it: to Python true is 1."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


def merged(base: Document, theirs: Document, yours: Document) -> Document:
    """Theirs with your changes of the base. Raises MergeConflict where both changed one place otherwise."""
    told = {change.at: change for change in changes(base, theirs)}
    mine = list(changes(base, yours))
    if torn := sorted({change.at for change in mine if any(_meet(change, other) for other in told.values())}):
        detail = "Both edits change this place."
        errors = [FieldError(pointer=pointer(*at), code="field.conflict", detail=detail) for at in torn]
        raise MergeConflict("Both edits change the same places, see `errors`.", errors=errors[:100])
    result: Any = theirs
    for change in mine:
        result = _put(result, change.at, change.after)
    found: Document = result
    return found


def _meet(one: Change, other: Change) -> bool:
    """One lies within the other, unless both say the same."""
    short = min(len(one.at), len(other.at))
    return one.at[:short] == other.at[:short] and not (one.at == other.at and same(one.after, other.after))


def _put(value: Any, at: Path, new: Any) -> Any:
    """A copy with another value at one place."""
    if not at:
        return new
    name, rest = at[0], at[1:]
    copy = dict(value)
    inner = _put(copy.get(name, {}), rest, new)
    if inner is NOTHING:
        copy.pop(name, None)
    else:
        copy[name] = inner
    return copy
