"""JSON is read strictly, and whatever comes in, the answer is a value or a refusal."""

import json
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantkit.errors import DomainError, Kind
from plantkit.http.errors import Unstorable
from plantkit.http.json import canonical, parse, pointer

REFUSED = {
    b"": "json.malformed",
    b"{": "json.malformed",
    b"{} {}": "json.malformed",
    b"{'a': 1}": "json.malformed",
    b'{"a": 1,}': "json.malformed",
    b'{"a": "\x00"}': "json.malformed",
    b'{"a": NaN}': "json.malformed",
    b'{"a": -Infinity}': "json.malformed",
    b'{"a": 1e999999999}': "json.malformed",
    b'{"a": ' + b"9" * 5000 + b"}": "json.malformed",
    b'{"a": 1, "a": 2}': "json.duplicate-name",
    b"[" * 33 + b"]" * 33: "json.too-deep",
    b"[" * 100_000: "json.too-deep",
    b"\xef\xbb\xbf{}": "json.not-utf8",
    '{"a": 1}'.encode("utf-16"): "json.not-utf8",
    b'{"a": "\xff"}': "json.not-utf8",
    b'{"a": "\xed\xa0\x80"}': "json.not-utf8",
}


@pytest.mark.parametrize("body", REFUSED, ids=lambda body: f"{body[:24]!r} of {len(body)}")
def test_a_body_that_two_readers_could_read_differently_is_refused(body):
    with pytest.raises(DomainError) as refused:
        parse(body)
    assert (refused.value.kind, refused.value.code) == (Kind.MALFORMED, REFUSED[body])


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (rb'{"a": "x\u0000y"}', "/a"),
        (rb'{"a": {"b": ["ok", "\ud800"]}}', "/a/b/1"),
        (rb'{"a": "\uDFFF\uD800"}', "/a"),
        (rb'{"~/x": "\u0000"}', "/~0~1x"),
        (rb'{"\u0000": 1}', "/\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_a_text_that_nobody_can_store_is_refused_with_its_place(body, place):
    with pytest.raises(Unstorable) as refused:
        parse(body)
    assert [error.pointer for error in refused.value.errors] == [place]


def test_a_whole_surrogate_pair_and_an_escaped_backslash_are_text():
    assert parse(rb'{"a": "\ud83d\ude00", "b": "\\u0000"}') == {"a": "\N{GRINNING FACE}", "b": "\\u0000"}


def test_numbers_with_a_point_keep_every_digit():
    assert parse(b'{"a": 0.1000, "b": 7}') == {"a": Decimal("0.1000"), "b": 7}


def test_depth_up_to_the_limit_is_read():
    assert parse(b"[" * 32 + b"]" * 32) is not None


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**60), 10**60)
    | st.text(st.characters(exclude_categories=["Cs", "Cc"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="ascii")), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(PLAIN)
def test_what_json_writes_is_read_back(value):
    try:
        assert parse(json.dumps(value).encode()) == value
    except Unstorable:
        assert "\\u0000" in json.dumps(value)


@given(st.binary(max_size=200))
def test_no_bytes_end_in_anything_but_a_value_or_a_refusal(body):
    with suppress(DomainError):
        parse(body)


def test_the_same_value_in_another_spelling_is_canonically_the_same():
    assert canonical(parse(b'{"b": 1, "a": "\\u0041"}')) == canonical(parse(b'{ "a":"A","b":1 }'))
    assert canonical(parse(b'{"a": 1}')) != canonical(parse(b'{"a": "1"}'))


def test_a_pointer_escapes_its_two_characters():
    assert pointer("a/b", 0, "~") == "/a~1b/0/~0"
