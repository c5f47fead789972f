"""Passwords, names and back-off, without a database."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.identity.rules import (
    FORGET_AFTER,
    FREE_FAILURES,
    LONGEST_BACK_OFF,
    Attempts,
    account_name,
    counted,
    weakness,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)

COMMON = (
    "admin123", "P@ssw0rd!", "Passw0rd", "12345678", "123456789012", "qwertyuiop", "QWERTYUIOP", "1qaz2wsx", "aaaaaaaa",
    "abcabcabc", "11112222", "87654321", "letmein!", "Welcome1", "Takt2026!", "changeme", "iloveyou", "sunshine1",
    "monkey123", "dragon99", "Summer2026", "football1", "zxcvbnm1", "superman!",
)  # fmt: skip


@pytest.mark.parametrize("password", COMMON)
def test_what_anyone_would_try_first_is_refused(password):
    assert weakness(password, username="planner-1") is not None


@pytest.mark.parametrize(
    "password", ["correct horse battery", "Xk29-fhw-22", "kX8$zz91", "žluťoučký kůň", "p" + "aß9!" * 31]
)
def test_a_password_that_nobody_would_guess_is_taken(password):
    assert weakness(password, username="planner-1") is None


@pytest.mark.parametrize(("length", "is_taken"), [(7, False), (8, True), (64, True), (128, True), (129, False)])
def test_a_password_has_8_to_128_characters(length, is_taken):
    password = ("zK4!vq81mWp3" * 11)[:length]

    assert (weakness(password, username="planner-1") is None) is is_taken


def test_a_password_does_not_name_its_owner():
    assert weakness("xx-Planner-1-yy", username="planner-1")
    assert weakness("the novotny family", username="p1", name="Jana Novotny")


def test_nothing_of_a_long_password_is_cut_off():
    """The trap of 72 bytes: both would pass if the end did not count."""
    assert weakness("zK4!vq81mWp3" * 10, username="p") is None
    assert weakness("zK4!vq81mWp3" * 11, username="p") is not None


@pytest.mark.parametrize("typed", ["Planner", "  planner ", "PLANNER", "ｐｌａｎｎｅｒ"])
def test_one_account_has_one_name(typed):
    assert account_name(typed) == "planner"


def failed(times: int, *, every: timedelta = SECOND) -> Attempts:
    state, now = None, NOON
    for _ in range(times):
        state, now = counted(state, now), now + every
    assert state is not None
    return state


def test_the_first_failures_cost_nothing():
    assert failed(FREE_FAILURES - 1).blocked_until is None


def test_after_them_the_account_rests_for_this_source():
    state = failed(FREE_FAILURES)

    assert state.is_blocked(state.last_at)
    assert not state.is_blocked(state.last_at + 2 * SECOND)


def test_each_further_failure_doubles_the_rest_up_to_five_minutes():
    rests = []
    state = failed(FREE_FAILURES)
    for _ in range(12):
        assert state.blocked_until is not None
        rests.append(state.blocked_until - state.last_at)
        state = counted(state, state.blocked_until)

    assert rests[:4] == [SECOND, 2 * SECOND, 4 * SECOND, 8 * SECOND]
    assert rests[-1] == LONGEST_BACK_OFF


def test_guessing_on_counts_but_does_not_lengthen_the_rest():
    resting = failed(FREE_FAILURES)

    guessed = counted(resting, resting.last_at)

    assert (guessed.failures, guessed.blocked_until) == (resting.failures + 1, resting.blocked_until)


def test_a_quiet_hour_forgets_everything():
    state = failed(FREE_FAILURES + 3)

    assert counted(state, state.last_at + FORGET_AFTER + SECOND).failures == 1
