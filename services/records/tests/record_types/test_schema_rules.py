"""Which schemas are taken, and which may follow which."""

import copy
import json
import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from plantkit.http.json import parse
from records.record_types.errors import CreatorsCannotRead, SchemaIncompatible, SchemaRefused
from records.record_types.rules import checked, refuse_blind_creators, refuse_incompatible
from takt_contracts.records.record_types import AccessClass
from takt_contracts.roles import Role

Json = dict[str, Any]


def an_object(**properties: Any) -> Json:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def doubling(levels: int) -> Json:
    """A few words that stand for 2 ** levels of them."""
    definitions: Json = {
        f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}, {"$ref": f"#/$defs/d{n + 1}"}]} for n in range(levels)
    }
    return {"type": "object", "$ref": "#/$defs/d0", "$defs": definitions | {f"d{levels}": {"type": "object"}}}


GOOD = [
    {"type": "object"},
    an_object(a={"type": "string", "pattern": "^(a+)+$"}),
    an_object(a={"type": "number", "multipleOf": 0.01}),
    an_object(a={"anyOf": [{"type": "null"}, {"$ref": "#/$defs/m"}]}) | {"$defs": {"m": {"type": "integer"}}},
    {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "if": {"required": ["a"]},
     "then": {"required": ["b"]}},
    an_object(a={"type": "array", "prefixItems": [True], "items": False, "uniqueItems": True}),
    an_object(**{"a/b~c": {"format": "date-time"}}),
]  # fmt: skip
BAD: dict[str, tuple[Json, str]] = {
    "no object": ({"type": "string"}, "/content_schema/type"),
    "no type": ({"properties": {}}, "/content_schema/type"),
    "unknown word": ({"type": "object", "requierd": ["a"]}, "/content_schema/requierd"),
    "unknown word below": (an_object(a={"minLenght": 3}), "/content_schema/properties/a/minLenght"),
    "no such type": (an_object(a={"type": "strnig"}), "/content_schema/properties/a/type"),
    "negative length": (an_object(a={"maxLength": -1}), "/content_schema/properties/a/maxLength"),
    "other dialect": (
        {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"},
        "/content_schema/$schema",
    ),
    "reference outside": (an_object(a={"$ref": "https://example.org/s"}), "/content_schema/properties/a/$ref"),
    "reference to a file": (an_object(a={"$ref": "file:///etc/passwd"}), "/content_schema/properties/a/$ref"),
    "reference to nothing": (an_object(a={"$ref": "#/$defs/x"}), "/content_schema/properties/a/$ref"),
    "reference to itself": (an_object(a={"$ref": "#"}), "/content_schema/properties/a/$ref"),
    "id": ({"type": "object", "$id": "https://example.org/s"}, "/content_schema/$id"),
    "dynamic": (an_object(a={"$dynamicRef": "#x"}), "/content_schema/properties/a/$dynamicRef"),
    "unevaluated": ({"type": "object", "unevaluatedProperties": False}, "/content_schema/unevaluatedProperties"),
    "circle": (
        an_object(a={"$ref": "#/$defs/a"})
        | {"$defs": {"a": {"items": {"$ref": "#/$defs/b"}}, "b": {"not": {"$ref": "#/$defs/a"}}}},
        "/content_schema",
    ),
    "doubling": (doubling(40), "/content_schema"),
    "too many words": (an_object(**{f"f{n}": {"type": "string"} for n in range(1001)}), "/content_schema"),
    "too long": (an_object(a={"description": "x" * 40_000}), "/content_schema"),
    "too many patterns": (an_object(**{f"f{n}": {"pattern": "^a$"} for n in range(51)}), "/content_schema"),
    "looks behind": (an_object(a={"pattern": "(?<=a)b"}), "/content_schema/properties/a/pattern"),
    "looks ahead": (an_object(a={"pattern": "^(?=.*a)b$"}), "/content_schema/properties/a/pattern"),
    "back reference": (an_object(a={"pattern": r"(a)\1"}), "/content_schema/properties/a/pattern"),
    "pattern that explodes": (an_object(a={"pattern": "((a{99}){99}){99}"}), "/content_schema/properties/a/pattern"),
    "name pattern that explodes": (
        {"type": "object", "patternProperties": {"((a{99}){99}){99}": True}},
        "/content_schema/patternProperties/((a{99}){99}){99}",
    ),
    "unknown format": (an_object(a={"format": "colour"}), "/content_schema/properties/a/format"),
    "number of no double": (
        an_object(a={"maximum": Decimal("0.1000000000000000000001")}),
        "/content_schema/properties/a/maximum",
    ),
}


@pytest.mark.parametrize("schema", GOOD)
def test_a_sound_schema_is_kept_as_it_means(schema: Json) -> None:
    kept = checked(schema)

    assert parse(kept.encode()) == parse(json.dumps(schema).encode())
    assert checked(parse(kept.encode())) == kept


@pytest.mark.parametrize("name", BAD)
def test_a_schema_that_cannot_be_bounded_is_refused_where_it_is_wrong(name: str) -> None:
    schema, place = BAD[name]

    started = time.thread_time()
    with pytest.raises(SchemaRefused) as refused:
        checked(schema)

    assert place in [error.pointer for error in refused.value.errors]
    assert time.thread_time() - started < 2


PRESENT = an_object(
    size={"type": "number", "minimum": 0, "maximum": 10},
    word={"type": "string", "maxLength": 5},
    choice={"enum": ["a", "b"]},
    day={"type": "string", "format": "date"},
    list={"type": "array", "items": {"type": "integer"}, "maxItems": 3},
) | {"required": ["size"]}


def changed(**changes: Any) -> Json:
    found = copy.deepcopy(PRESENT)
    for name, change in changes.items():
        if name in found["properties"]:
            found["properties"][name] |= change
        else:
            found[name] = change
    return found


WIDER = {
    "the same": changed(),
    "other words for people": changed(size={"title": "Diameter", "description": "in mm"}),
    "an optional field": {**PRESENT, "properties": {**PRESENT["properties"], "colour": {"type": "string"}}},
    "longer": changed(word={"maxLength": 6}),
    "more choices": changed(choice={"enum": ["b", "a", "c"]}),
    "higher": changed(size={"maximum": 11}),
    "nothing required": changed(required=[]),
    "open": changed(additionalProperties=True),
    "an optional field beside optional ones": {
        **PRESENT,
        "properties": {
            **PRESENT["properties"],
            **{f"n{n}": {"anyOf": [{"type": "null"}, {"type": "string", "maxLength": 9}]} for n in range(30)},
        },
    },
    "a shared part": changed(word={"$ref": "#/$defs/w"}) | {"$defs": {"w": {"type": "string", "maxLength": 5}}},
}
NARROWER = {
    "shorter": changed(word={"maxLength": 4}),
    "fewer choices": changed(choice={"enum": ["a"]}),
    "lower": changed(size={"maximum": 9}),
    "another required": changed(required=["size", "word"]),
    "another type": changed(word={"type": "integer"}),
    "a field gone": {**PRESENT, "properties": {"size": PRESENT["properties"]["size"]}},
    "another format": changed(day={"format": "date-time"}),
    "fewer": changed(list={"maxItems": 2}),
    "other items": changed(list={"items": {"type": "string"}}),
    "more at least": changed(minProperties=2),
}


@pytest.mark.parametrize("name", WIDER)
def test_a_schema_may_take_more(name: str) -> None:
    refuse_incompatible(checked(PRESENT), checked(WIDER[name]))


@pytest.mark.parametrize("name", NARROWER)
def test_a_schema_may_not_take_less(name: str) -> None:
    with pytest.raises(SchemaIncompatible):
        refuse_incompatible(checked(PRESENT), checked(NARROWER[name]))


def choices(count: int) -> Json:
    return {
        "type": "object",
        "allOf": [{"anyOf": [{"required": [f"a{n}"]}, {"required": [f"b{n}"]}]} for n in range(count)],
    }


@pytest.mark.parametrize("count", [2, 5, 6, 7, 40, 90])
def test_a_schema_of_many_alternatives_is_not_compared_for_long(count: int) -> None:
    """Beyond a number of them it is not compared at all: then only its words for people may change."""
    old, new = checked(choices(count)), checked({**choices(count), "maxProperties": 500})
    started = time.thread_time()

    with pytest.raises(SchemaIncompatible):
        refuse_incompatible(old, new)
    refuse_incompatible(old, checked({**choices(count), "title": "Said better"}))

    assert time.thread_time() - started < 3


def test_a_new_field_of_an_open_schema_is_refused_because_it_might_have_been_there() -> None:
    with pytest.raises(SchemaIncompatible):
        refuse_incompatible(
            checked({"type": "object"}), checked({"type": "object", "properties": {"a": {"type": "string"}}})
        )


LEAVES = st.one_of(
    st.fixed_dictionaries(
        {"type": st.just("integer")}, optional={"minimum": st.integers(0, 3), "maximum": st.integers(1, 4)}
    ),
    st.fixed_dictionaries(
        {"type": st.just("string")}, optional={"minLength": st.integers(0, 1), "maxLength": st.integers(1, 3)}
    ),
    st.fixed_dictionaries({"enum": st.lists(st.sampled_from([1, 2, "a", "b", None, True]), min_size=1, unique=True)}),
)
OBJECTS = st.builds(
    lambda properties, required, closed: {
        "type": "object", "properties": properties, "required": sorted(required), "additionalProperties": not closed,
    },
    st.dictionaries(st.sampled_from("abc"), LEAVES, max_size=3),
    st.sets(st.sampled_from("abc"), max_size=2),
    st.booleans(),
)  # fmt: skip
VALUES = st.dictionaries(
    st.sampled_from("abcd"), st.sampled_from([0, 1, 2, 3, 5, "", "a", "b", "abcd", None, True, 1.5])
)


@settings(max_examples=100)
@given(OBJECTS, OBJECTS, st.lists(VALUES, max_size=20))
def test_what_was_valid_stays_valid_under_every_schema_that_may_follow(
    old: Json, new: Json, values: list[Json]
) -> None:
    """Judged by another library than the one that decides."""
    try:
        refuse_incompatible(checked(old), checked(new))
    except SchemaIncompatible:
        return
    for value in values:
        if Draft202012Validator(old).is_valid(value):
            assert Draft202012Validator(new).is_valid(value)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["type", "properties", "items", "$ref", "$defs", "enum", "allOf", "x"]), inner
        )
    ),
    max_leaves=15,
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(["type", "properties", "required", "$defs", "$ref", "not", "a"]), ANYTHING))
def test_anything_at_all_is_sound_or_refused(schema: Json) -> None:
    try:
        checked(schema)
    except SchemaRefused:
        return
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("role", [Role.QUALITY, Role.VIEWER, Role.PLANNER])
def test_who_creates_health_records_must_be_able_to_read_them(role: Role) -> None:
    with pytest.raises(CreatorsCannotRead):
        refuse_blind_creators(AccessClass.HEALTH, (Role.HEALTH, role))
    refuse_blind_creators(AccessClass.HEALTH, (Role.HEALTH, Role.ADMIN))
    refuse_blind_creators(AccessClass.QUALITY, (role,))


def test_a_refusal_names_the_parts_that_are_narrower() -> None:
    before = an_object(a={"type": "string"}, b={"type": "integer"}, c={"type": "string"}, d={"enum": [1, 2]})
    after = an_object(a={"type": "string", "maxLength": 3}, b={"type": "number"}, d={"enum": [1, 2, 3]})

    with pytest.raises(SchemaIncompatible) as refused:
        refuse_incompatible(json.dumps(before), json.dumps({**after, "required": ["b"]}))

    assert [error.pointer for error in refused.value.errors] == [
        "/content_schema/required",
        "/content_schema/properties/a",
        "/content_schema/properties/c",
    ]
