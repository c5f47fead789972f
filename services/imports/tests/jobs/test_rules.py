"""The pure rules, with the legal moves written out a second time."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imports.jobs import rules
from imports.jobs.errors import IllegalTransition
from imports.jobs.model import Import
from imports.jobs.rules import NEXT, Action
from services.imports.tests.jobs.conftest import WAYS
from takt_contracts.imports.jobs import ImportState, RowState, Totals

S, A = ImportState, Action
LEGAL = {
    (S.UPLOADED, A.PARSE), (S.PARSED, A.MAP), (S.MAPPED, A.MAP), (S.MAPPED, A.VALIDATE), (S.VALIDATED, A.PLAN),
    (S.PLANNED, A.COMMIT), (S.COMMITTING, A.FINISH),
    *((state, action) for action in (A.FAIL, A.CANCEL)
      for state in (S.UPLOADED, S.PARSED, S.MAPPED, S.VALIDATED, S.PLANNED, S.COMMITTING)),
}  # fmt: skip
KNOWN = [RowState.CREATED, RowState.UPDATED, RowState.UNCHANGED, RowState.REJECTED, RowState.STALE]


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("state", ImportState)
def test_only_listed_moves_are_legal(state: ImportState, action: Action):
    job = Import(state=state)
    if (state, action) in LEGAL:
        assert job.require(action) in WAYS[state]
    else:
        with pytest.raises(IllegalTransition):
            job.require(action)


def test_every_move_ends_where_it_may():
    assert {(state, to) for (state, _), to in NEXT.items()} == {
        (state, to) for state, ways in WAYS.items() if state is not None for to in ways
    }


def test_every_state_of_a_row_has_a_letter_of_its_own():
    assert len(set(rules.LETTERS.values())) == len(RowState)
    assert {rules.STATES[rules.LETTERS[state]] for state in RowState} == set(RowState)


@given(st.lists(st.sampled_from(list(RowState))))
def test_letters_count_what_they_stand_for(states: list[RowState]):
    assert rules.counted(rules.letters_of(states)) == {state.value: n for state, n in Counter(states).items()}


@given(st.lists(st.sampled_from(KNOWN)), st.data())
def test_rows_that_the_plan_rejected_keep_their_place(planned: list[RowState], data: st.DataObject):
    sent = sum(state is not RowState.REJECTED for state in planned)
    answered = data.draw(st.lists(st.sampled_from(KNOWN), min_size=sent, max_size=sent))
    whole = rules.whole(rules.letters_of(planned), rules.letters_of(answered))
    assert len(whole) == len(planned)
    assert [letter for letter, state in zip(whole, planned, strict=True) if state is RowState.REJECTED] == ["r"] * (
        len(planned) - sent
    )
    rest = [letter for letter, state in zip(whole, planned, strict=True) if state is not RowState.REJECTED]
    assert "".join(rest) == rules.letters_of(answered)


@given(st.lists(st.integers(0, 1000), min_size=7, max_size=7), st.integers(0, 1000))
def test_the_totals_of_what_has_ended_add_up(counts: list[int], untouched: int):
    named = dict(zip((state.value for state in RowState), counts, strict=True))
    closed = rules.closed(Totals(rows=sum(counts) + untouched, **named))
    assert rules.sum_of(closed) == closed.rows
    assert closed.rejected == named["rejected"] + untouched
    assert rules.closed(closed) == closed


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)), min_size=1))
def test_what_is_shown_never_goes_back_and_never_lies_behind(steps: list[tuple[int, int, int]]):
    shown: tuple[int, ...] = steps[0]
    for step in steps:
        before, shown = shown, rules.never_back(shown, step)
        assert all(old <= new and now <= new for old, new, now in zip(before, shown, step, strict=True))


@given(st.text())
def test_no_reference_leads_out_of_the_inbox(dataref: str):
    if rules.is_inbox_key(dataref):
        assert dataref.startswith("inbox/")
        assert not {"", ".", ".."} & set(dataref.split("/"))


@given(st.lists(st.text("abcdefXYZ0189-_. ", min_size=1).filter(lambda part: part not in (".", "..")), min_size=1))
def test_plain_keys_below_the_inbox_are_files(parts: list[str]):
    assert rules.is_inbox_key("inbox/" + "/".join(parts))
