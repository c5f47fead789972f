"""Content: what is refused where, what is kept, and that no content can cost much."""

import json
import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from plantkit.auth.principal import Principal
from plantkit.http.json import parse
from records.record_types import rules as types
from records.versions.errors import ContentRefused, NotItsCreator, ReasonMissing
from records.versions.rules import checked, patched, refuse_silence, refuse_strangers
from services.records.tests.stage import SCHEMA
from takt_contracts.records.canonical import LARGEST, canonical
from takt_contracts.roles import Role

Json = dict[str, Any]
OPEN = types.checked({"type": "object"})
TEXT = types.checked(SCHEMA)

WRONG: list[tuple[Json, list[tuple[str, str]]]] = [
    ({}, [("/content/result", "field.missing")]),
    ({"result": "maybe"}, [("/content/result", "field.value")]),
    (
        {"result": None, "diameter_mm": "wide"},
        [("/content/diameter_mm", "field.type"), ("/content/result", "field.value")],
    ),
    ({"result": "pass", "diameter_mm": -1}, [("/content/diameter_mm", "field.range")]),
    (
        {"result": "pass", "notes": ["ok", 7, "x" * 21]},
        [("/content/notes/1", "field.type"), ("/content/notes/2", "field.range")],
    ),
    ({"result": "pass", "on": "30 February"}, [("/content/on", "field.value")]),
    ({"result": "pass", "a/b~": 1, "c": 2}, [("/content/a~1b~0", "field.unknown"), ("/content/c", "field.unknown")]),
    ({"result": "pass", "diameter_mm": 2**53}, [("/content/diameter_mm", "field.precision")]),
    ({"result": "pass", "diameter_mm": Decimal("0.12345678901234567")}, [("/content/diameter_mm", "field.precision")]),
    ({"result": "pass", "notes": ["x" * 131_072]}, [("/content", "field.range")]),
]  # fmt: skip


@pytest.mark.parametrize(("content", "errors"), WRONG, ids=[str(n) for n in range(len(WRONG))])
def test_every_part_that_is_wrong_is_named(content: Json, errors: list[tuple[str, str]]) -> None:
    with pytest.raises(ContentRefused) as refused:
        checked(content, TEXT)

    assert sorted((error.pointer, error.code) for error in refused.value.errors) == errors


def test_a_refusal_does_not_repeat_what_it_is_about() -> None:
    word = "nobody-may-see-this"
    schema = {
        "type": "object",
        "properties": {
            "a": {"type": "integer"}, "b": {"maxLength": 3}, "c": {"pattern": "^x$"}, "d": {"format": "date"},
            "e": {"enum": [1]}, "f": {"const": 2}, "g": {"anyOf": [{"type": "null"}, {"minLength": 99}]},
            "h": {"not": {}}, "i": {"items": {"type": "null"}}, "j": {"contains": {"const": 1}}, "k": False,
            "l": {"oneOf": [True, True]}, "m": {"uniqueItems": True}, "n": {"propertyNames": {"maxLength": 2}},
        },
    }  # fmt: skip
    content = {**dict.fromkeys("abcdefghk", word)} | {
        "i": [word],
        "j": [word],
        "l": word,
        "m": [word, word],
        "n": {word: 1},
    }

    with pytest.raises(ContentRefused) as refused:
        checked(content, types.checked(schema))

    assert len(refused.value.errors) >= 14
    said = [error.detail for error in refused.value.errors]
    assert not any(word in detail for detail in said), said


@pytest.mark.parametrize(
    ("schema", "content"),
    [
        ({"type": "object", "required": [f"r{n}" for n in range(900)]}, {f"k{n}": "x" * 20 for n in range(3000)}),
        ({"type": "object", "properties": {"a": {"items": {"type": "string"}}}}, {"a": list(range(20_000))}),
        (
            {
                "type": "object",
                "properties": {"a": {"items": {"anyOf": [{"type": "string", "minLength": n} for n in range(300)]}}},
            },
            {"a": [0] * 60_000},
        ),
        (
            {
                "type": "object",
                "properties": {"a": {"items": {"$ref": "#/$defs/d0"}}},
                "$defs": {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(4)}
                | {"d4": {"type": "null"}},
            },
            {"a": [0] * 3000},
        ),
        ({"type": "object", "properties": {"a": {"pattern": "^(a|aa)+$"}}}, {"a": "a" * 100_000 + "b"}),
    ],
    ids=["missing", "items", "choices", "references", "pattern"],
)  # fmt: skip
def test_the_worst_content_costs_little_and_is_still_told_what_is_wrong(schema: Json, content: Json) -> None:
    text = types.checked(schema)
    started = time.process_time()

    with pytest.raises(ContentRefused) as refused:
        checked(content, text)

    assert refused.value.errors
    assert time.process_time() - started < 3


def test_long_lists_of_errors_are_cut() -> None:
    schema = types.checked({"type": "object", "properties": {"a": {"items": {"type": "string"}}}})

    with pytest.raises(ContentRefused) as refused:
        checked({"a": list(range(500))}, schema)

    assert len(refused.value.errors) == 100


# The kit's reader takes exponents of up to 64.
FLOATS = st.floats(-LARGEST, LARGEST).filter(lambda value: value == 0 or abs(value) > 1e-60)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-LARGEST, LARGEST) | FLOATS | st.text('ab€ß"\\\n'),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab/~"), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text("abc/~"), JSON, max_size=4)


@given(OBJECTS)
def test_what_is_kept_is_what_was_sent_in_one_form(content: Json) -> None:
    sent = parse(json.dumps(content).encode())

    kept = checked(sent, OPEN)

    assert json.loads(kept) == content
    assert kept == canonical(content)
    assert checked(parse(kept.encode()), OPEN) == kept


@given(OBJECTS)
def test_content_is_taken_just_when_another_library_takes_it(content: Json) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"maxLength": 2}}, "minProperties": 1}

    try:
        checked(parse(json.dumps(content).encode()), types.checked(schema))
    except ContentRefused:
        assert not Draft202012Validator(schema).is_valid(content)
    else:
        assert Draft202012Validator(schema).is_valid(content)


# The examples of RFC 7396, appendix A, whose target is an object.
RFC_7396: list[tuple[Any, Any, Any]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("content", "patch", "merged"), RFC_7396)
def test_patches_merge_as_the_standard_says(content: Any, patch: Any, merged: Any) -> None:
    assert patched(content, patch) == merged


@given(OBJECTS, OBJECTS)
def test_a_patch_is_the_same_twice_and_leaves_its_target_alone(content: Json, patch: Json) -> None:
    before = json.dumps(content)

    once = patched(content, patch)

    assert patched(once, patch) == once
    assert json.dumps(content) == before


def test_its_creator_and_administrators_edit_a_record() -> None:
    def somebody(id_: str, *roles: Role) -> Principal:
        return Principal(id=id_, kind="user", roles=frozenset(roles), name="")

    refuse_strangers(somebody("quality-01"), "quality-01")
    refuse_strangers(somebody("other", Role.ADMIN), "quality-01")
    for roles in ((), (Role.QUALITY, Role.HEALTH, Role.PLANNER)):
        with pytest.raises(NotItsCreator):
            refuse_strangers(somebody("other", *roles), "quality-01")


def test_a_reason_is_asked_for_where_the_type_wants_one() -> None:
    refuse_silence(None, reason_required=False)
    refuse_silence("wrong gauge", reason_required=True)
    with pytest.raises(ReasonMissing):
        refuse_silence(None, reason_required=True)
