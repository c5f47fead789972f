"""Edits of one version side by side: what differs, what joins, what does not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.versions.errors import MergeConflict
from records.versions.merging import NOTHING, Change, changes, merged

LEAVES = st.one_of(st.none(), st.booleans(), st.integers(0, 2), st.lists(st.integers(0, 2), max_size=2))
DOCUMENTS = st.recursive(
    st.dictionaries(st.sampled_from("abc"), LEAVES, max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), st.one_of(LEAVES, inner), max_size=3),
    max_leaves=8,
)


def test_changes_name_each_place() -> None:
    before = {"a": 1, "b": {"c": [1, 2], "d": None}, "e": True}
    after = {"a": 1.0, "b": {"c": [1, 3]}, "e": 1, "f": {}}

    assert list(changes(before, after)) == [
        Change(("b", "c"), [1, 2], [1, 3]),
        Change(("b", "d"), None, NOTHING),
        Change(("e",), True, 1),
        Change(("f",), NOTHING, {}),
    ]


@pytest.mark.parametrize(
    ("base", "theirs", "yours", "both"),
    [
        ({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 1, "b": 2}, {"a": 2, "b": 2}),
        ({"a": {"x": 1}}, {"a": {"x": 1, "y": 2}}, {"a": {"x": 1, "z": 3}}, {"a": {"x": 1, "y": 2, "z": 3}}),
        ({"a": 1, "b": 1}, {"a": 1}, {"b": 1}, {}),
        ({"a": 1}, {"a": 2}, {"a": 2}, {"a": 2}),
        ({"a": 1}, {"a": 1}, {"a": 3}, {"a": 3}),
    ],
    ids=["two fields", "fields of one object", "two removals", "the same", "only yours"],
)
def test_disjoint_edits_join(base: Any, theirs: Any, yours: Any, both: Any) -> None:
    assert merged(base, theirs, yours) == both


@pytest.mark.parametrize(
    ("base", "theirs", "yours", "place"),
    [
        ({"a": 1}, {"a": 2}, {"a": 3}, "/a"),
        ({"a": {"x": 1}}, {}, {"a": {"x": 2}}, "/a/x"),
        ({"a": {"x": 1}}, {"a": {"x": 2}}, {"a": 7}, "/a"),
        ({"a": [1, 2]}, {"a": [1, 2, 3]}, {"a": [0, 1, 2]}, "/a"),
        ({}, {"a/b": 1}, {"a/b": True}, "/a~1b"),
    ],
    ids=["one field", "inside what is gone", "around what changed", "one list", "true is not 1"],
)
def test_edits_of_one_place_do_not(base: Any, theirs: Any, yours: Any, place: str) -> None:
    with pytest.raises(MergeConflict) as refused:
        merged(base, theirs, yours)

    assert [error.pointer for error in refused.value.errors] == [place]


@given(DOCUMENTS, DOCUMENTS)
def test_an_edit_of_what_nobody_else_touched_is_itself(base: Any, yours: Any) -> None:
    assert not list(changes(merged(base, base, yours), yours))
    assert not list(changes(merged(base, yours, base), yours))


@given(DOCUMENTS, DOCUMENTS, DOCUMENTS)
def test_whoever_comes_second_the_result_is_one(base: Any, theirs: Any, yours: Any) -> None:
    try:
        one = merged(base, theirs, yours)
    except MergeConflict:
        with pytest.raises(MergeConflict):
            merged(base, yours, theirs)
        return
    assert not list(changes(one, merged(base, yours, theirs)))
