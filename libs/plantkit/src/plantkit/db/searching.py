"""A part of a text, found by an index: the sets of three characters that a row's texts are made of, in a GIN of arrays.

The extension pg_trgm keeps the same, in less room; the embedded server has no extensions.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Index, Table, Text, bindparam, func, literal_column
from sqlalchemy.dialects.postgresql import array

SHORTEST = 3
"""A shorter text is looked for row by row: so many hold it that a page is full soon."""
_PROBES = ("probe_start", "probe_middle", "probe_end")
"""Three sets say enough of a text. Of all its sets the database multiplies how rare each is, though they come together,
and then sorts most of a table because it expects a handful of rows."""


def search_index(table: Table, names: Iterable[str]) -> Index:
    """The index that `may_hold` reads, as part of the table; in the database's own words, to be compared with it."""
    own: ColumnElement[Any] = literal_column(f"{table.schema}.trigrams(VARIADIC ARRAY[{', '.join(names)}])")
    return Index(f"{table.name}_search_idx", own, postgresql_using="gin", _table=table)


def may_hold(columns: Iterable[ColumnElement[Any]]) -> ColumnElement[bool]:
    """True where one of the columns holds the text of `probes`, and for some others: compare the columns as well."""
    wanted = array([func.lower(bindparam(name, type_=Text)) for name in _PROBES])
    return func.trigrams(*columns, type_=ARRAY(Text)).op("@>", is_comparison=True)(wanted)


def probes(text: str) -> dict[str, str]:
    """Parameters of `may_hold`; of a shorter text nobody asks it."""
    starts = (0, (len(text) - SHORTEST) // 2, len(text) - SHORTEST)
    return {name: text[start : start + SHORTEST] for name, start in zip(_PROBES, starts, strict=True)}
