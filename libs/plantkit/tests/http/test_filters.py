"""The grammar of lists."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from plantkit.errors import DomainError
from plantkit.http.filters import Filter, Grammar, Op, Order, parameters
from takt_contracts.operations.production import OPERATION, Status

GRAMMAR = Grammar(tuple(OPERATION.state.model_fields), OPERATION.list_fields, search=("order_no",))


def test_nothing_asked_is_the_first_hundred():
    asked = GRAMMAR.read({})
    assert (asked.limit, asked.sort, asked.fields, asked.filters, asked.cursor) == (100, (), (), (), None)
    assert (asked.total, asked.archived, asked.text) == (False, False, None)


def test_everything_asked_is_read_into_values():
    asked = GRAMMAR.read(
        {
            "limit": "7",
            "sort": "-due,order_no",
            "fields": "order_no,hold,order_no",
            "qty_desired__gte": "1.50",
            "due__lt": "2026-03-02T06:30:00Z",
            "status__in": "RELEASED,FINISHED",
            "due__isnull": "false",
            "workplace": "CNC-07",
            "q": "WO",
            "total": "true",
        }
    )
    assert (asked.limit, asked.sort) == (7, (Order("due", True), Order("order_no", False)))
    assert asked.fields == ("order_no", "hold")
    assert (asked.text, asked.total) == ("WO", True)
    assert set(map(str, asked.filters)) == set(
        map(
            str,
            [
                Filter("qty_desired", Op.GTE, Decimal("1.50")),
                Filter("due", Op.LT, datetime(2026, 3, 2, 6, 30, tzinfo=UTC)),
                Filter("status", Op.IN, [Status.RELEASED, Status.FINISHED]),
                Filter("due", Op.ISNULL, False),
                Filter("workplace", Op.EQ, "CNC-07"),
            ],
        )
    )


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "1.0", "x", "", "99999", "\u0661", " 5"])
def test_a_limit_outside_1_to_1000_is_refused(limit):
    refuses({"limit": limit}, "query.bad-value", "limit")


@pytest.mark.parametrize("name", ["sort", "fields"])
@pytest.mark.parametrize("value", ["secret", "", "due,", "--due", "id;drop"])
def test_an_unknown_name_is_refused_and_the_known_ones_are_listed(name, value):
    refused = refuses({name: value}, "query.unknown-name", name)
    assert "due" in str(refused.values["allowed"])


@pytest.mark.parametrize(
    "query",
    [
        {"due": "yesterday"},
        {"due": "2026-03-02T06:30:00"},
        {"qty_desired": "NaN"},
        {"qty_desired__gte": "1e3"},
        {"status": "STARTED"},
        {"status__in": "RELEASED,"},
        {"version": "1.5"},
        {"id": "7"},
        {"due__isnull": "1"},
        {"total": "yes"},
        {"archived": ""},
        {"sort": "due,-due"},
        {"sort": ",".join(["due"] * 9)},
        {"order_no__in": ",".join(["x"] * 201)},
        {"q": ""},
        {"q": "x" * 201},
    ],
    ids=str,
)
def test_a_value_that_cannot_be_read_is_refused(query):
    refuses(query, "query.bad-value", next(iter(query)))


def test_every_documented_parameter_is_a_known_name_and_the_other_way_round():
    assert [told["name"] for told in parameters(GRAMMAR)] != []
    assert {told["name"] for told in parameters(GRAMMAR)} == set(GRAMMAR.names())


def test_archived_is_asked_only_of_what_is_archived():
    kept = replace(GRAMMAR, archives=False)
    assert "archived" not in set(kept.names())
    assert {told["name"] for told in parameters(kept)} == set(kept.names())


def test_a_nested_field_is_shown_but_not_compared():
    assert "hold" in GRAMMAR.shown
    assert "hold" not in set(GRAMMAR.names())


def refuses(query: dict[str, str], code: str, named: str) -> DomainError:
    with pytest.raises(DomainError) as refused:
        GRAMMAR.read(query)
    assert refused.value.code == code
    assert named in refused.value.detail
    return refused.value
