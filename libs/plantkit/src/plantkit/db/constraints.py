"""From a broken constraint to an error a person understands. Constraint names never leave the service.

A constraint may carry its own error: `CheckConstraint(..., info={"error": OverCeiling})`, a class made of a sentence.
A rule that a trigger keeps is raised with a name as a constraint's, and has its error in the table's `info`, under
`TRIGGERS`. All else is explained from the table: which columns, and what sort of rule.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import asyncpg
from sqlalchemy import Constraint, ForeignKeyConstraint, Table

from plantkit.db.row import Row
from plantkit.errors import AlreadyExists, DomainError, Invalid, UnknownReference
from takt_contracts.problem import FieldError

TRIGGERS: Final = "kept_by_triggers"
"""Key of a table's `info`: by name of the rule, the error and its sentence."""


def explain(broken: asyncpg.IntegrityConstraintViolationError) -> DomainError:
    """The refusal that a violated constraint means."""
    table = _tables().get((str(broken.schema_name), str(broken.table_name)))
    if isinstance(broken, asyncpg.NotNullViolationError):
        return _about(Invalid, f"{broken.column_name} is required.", "field.missing", [str(broken.column_name)])
    constraint = None if table is None else _constraint(table, str(broken.constraint_name))
    if constraint is None or table is None:
        return _by_trigger(table, str(broken.constraint_name))
    error = constraint.info.get("error")
    columns = [column.name for column in getattr(constraint, "columns", ())]
    if error is not None:
        return _own(error, constraint)
    if isinstance(broken, asyncpg.UniqueViolationError):
        return _taken(table, columns, str(broken.detail or ""))
    if isinstance(constraint, ForeignKeyConstraint):
        return _unknown(constraint, columns)
    return _about(
        Invalid, f"{' and '.join(columns) or 'A value'} breaks a rule of {table.name}.", "field.rule", columns
    )


def _by_trigger(table: Table | None, name: str) -> DomainError:
    kept = {} if table is None else table.info.get(TRIGGERS, {})
    error, sentence = kept.get(name, (Invalid, "The change breaks a rule of the data."))
    refusal: DomainError = error(sentence)
    return refusal


def _own(error: type[DomainError], constraint: Constraint) -> DomainError:
    return error(str(constraint.info["detail"]))


def _taken(table: Table, columns: list[str], detail: str) -> DomainError:
    """PostgreSQL's detail is `Key (code)=(A-1) already exists.`; only the value is taken from it."""
    _, found, rest = detail.partition(")=(")
    value = rest.rpartition(")")[0] if found else "this key"
    what = table.name.replace("_", " ")
    return _about(AlreadyExists, f"{' and '.join(columns)} {value} is taken in {what}.", "field.taken", columns, value)


def _unknown(constraint: ForeignKeyConstraint, columns: list[str]) -> DomainError:
    target = constraint.referred_table.name.replace("_", " ")
    return _about(
        UnknownReference, f"{' and '.join(columns)} names nothing in {target}.", "field.unknown-reference", columns
    )


def _about(
    error: type[DomainError], detail: str, code: str, columns: list[str], value: str | None = None
) -> DomainError:
    fields = [FieldError(pointer=f"/{name}", code=code, detail=detail) for name in columns]
    return error(detail, errors=fields, key=value)


def _constraint(table: Table, name: str) -> Constraint | None:
    return next((found for found in table.constraints if found.name == name), None)


def _every(base: type[Row]) -> Iterator[type[Row]]:
    for entity in base.__subclasses__():
        yield entity
        yield from _every(entity)


@cache
def _tables() -> dict[tuple[str, str], Table]:
    tables: dict[tuple[str, str], Any] = {}
    for entity in _every(Row):
        table = entity.__dict__.get("__table__")
        if isinstance(table, Table):
            tables[str(table.schema), table.name] = table
    return tables
