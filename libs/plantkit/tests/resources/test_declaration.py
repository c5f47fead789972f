"""A declaration that would fail in production is refused when it is imported."""

import itertools
from typing import Any

import pytest
from sqlalchemy import BigInteger, Numeric, String, UniqueConstraint
from sqlalchemy.orm import mapped_column

from plantkit.db import row
from plantkit.errors import NotFound
from plantkit.resources.resource import Archivable, Resource
from plantkit.resources.routes import routes
from takt_contracts.resource import Change, Fields, ResourceChanged, ResourceContract, Stored
from takt_contracts.roles import Role
from takt_contracts.scalars import Code, Name, Quantity


class ToolFields(Fields):
    code: Code
    name: Name
    length: Quantity | None = None


class Tool(ToolFields, Stored):
    """A tool as everyone reads it."""


class ToolChanged(ResourceChanged[Tool]):
    """A tool was created, updated, archived or restored."""


TOOL = ResourceContract(
    owner="kit",
    name="tool",
    plural="tools",
    fields=ToolFields,
    state=Tool,
    changed=ToolChanged,
    key=("code",),
    write=Role.PLANNER,
    titles={},
)


made = itertools.count()


def table(unique=("code",), **columns):
    """A row class with what a tool needs, but for what the test changes; None leaves a column out."""
    needed = {
        "code": mapped_column(String(40), nullable=False),
        "name": mapped_column(String(200), nullable=False),
        "length": mapped_column(Numeric(18, 6), nullable=True),
    }
    given = {name: column for name, column in (needed | columns).items() if column is not None}
    constraints = (UniqueConstraint(*unique),) if unique else ()
    base = {"__tablename__": "tools", "__table_args__": constraints, "metadata": row.schema("kit")}
    return type(f"ToolRow{next(made)}", (Archivable,), {**base, **given})


def declared(entity, **changes):
    return Resource(TOOL, entity, **changes)


def test_a_whole_declaration_is_taken():
    tool = declared(table(), search=("code",))
    assert {getattr(route, "path", "") for route in routes(tool).routes} == {
        "/tools",
        "/tools/{code}",
        "/tools/{code}/restore",
    }


MISTAKES: dict[str, dict[str, Any]] = {
    "no column for name": {"name": None},
    "no field for column weight": {"weight": mapped_column(BigInteger, nullable=False)},
    "name may be longer than its column": {"name": mapped_column(String(199), nullable=False)},
    "length may be null in the contract only": {"length": mapped_column(Numeric(18, 6), nullable=False)},
    "name may be null in the table only": {"name": mapped_column(String(200), nullable=True)},
    "no unique constraint on code": {"unique": ()},
    "no unique constraint on": {"unique": ("code", "name")},
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_table_that_does_not_fit_the_contract_is_refused(mistake):
    with pytest.raises(TypeError, match=mistake):
        declared(table(**MISTAKES[mistake]))


def test_a_search_in_numbers_is_refused():
    with pytest.raises(TypeError, match="search in length"):
        declared(table(), search=("length",))


def test_a_list_by_what_has_no_order_is_refused():
    with pytest.raises(TypeError, match="lists by weight"):
        declared(table(), compared=("code", "weight"))


def test_a_list_is_asked_by_what_the_declaration_names():
    names = set(declared(table(), compared=("code",)).listing.grammar.names())
    assert "code__in" in names
    assert not any(name.startswith("name") for name in names)


def test_a_contract_without_events_needs_a_fact_for_each_change():
    silent = ResourceContract(
        owner="kit",
        name="tool",
        plural="tools",
        fields=ToolFields,
        state=Tool,
        key=("code",),
        write=Role.PLANNER,
        titles={},
    )
    with pytest.raises(TypeError, match="event"):
        Resource(silent, table(), facts={Change.CREATED: ToolChanged})


def test_a_text_without_a_limit_fits_a_text_column():
    assert declared(table(name=mapped_column(String(), nullable=False)))


def test_what_could_never_be_a_key_is_not_found():
    tool = declared(table())
    assert tool.key_of({"code": "T-1"}) == {"code": "T-1"}
    for wrong in ("", " T-1", "x" * 41):
        with pytest.raises(NotFound):
            tool.key_of({"code": wrong})


def test_its_list_compares_every_stored_field():
    assert set(declared(table()).listing.grammar.compared) == set(TOOL.list_fields)
