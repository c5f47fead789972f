"""Every checker convicts planted histories of its anomalies, passes good ones, and admits what it cannot know."""

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest

from tests.faults.checkers import appends, chain, conservation, contention, fold, history, order, progress, queue
from tests.faults.checkers.conservation import Balance, Found
from tests.faults.checkers.history import Op, Out
from tests.faults.checkers.order import Record
from tests.faults.checkers.verdict import Truth, Verdict, enough, judge, overall

OK, FAIL, INFO = Out.OK, Out.FAIL, Out.INFO


def convicted(verdict: Verdict, *kinds: str) -> bool:
    return (verdict.truth, verdict.kinds) == (Truth.FALSE, frozenset(kinds))


# --- verdicts ---


def test_an_anomaly_makes_a_verdict_false_however_little_was_counted() -> None:
    found = [judge("x", (), {"n": 0}, {"n": 1}), judge("x", (), {"n": 1}, {"n": 1})]

    assert [verdict.truth for verdict in found] == [Truth.UNKNOWN, Truth.TRUE]


@pytest.mark.parametrize(
    ("truths", "together"),
    [
        ([], Truth.UNKNOWN),
        ([Truth.TRUE, Truth.TRUE], Truth.TRUE),
        ([Truth.TRUE, Truth.UNKNOWN], Truth.UNKNOWN),
        ([Truth.UNKNOWN, Truth.FALSE, Truth.TRUE], Truth.FALSE),
    ],
)
def test_a_run_is_as_good_as_its_worst_verdict(truths: list[Truth], together: Truth) -> None:
    assert overall(Verdict("x", truth) for truth in truths) is together


def test_a_run_in_which_no_fault_landed_is_unknown() -> None:
    verdict = enough(faults=(0, 1), acknowledged=(50, 20))

    assert (verdict.truth, verdict.lacking) == (Truth.UNKNOWN, ("faults: 0 of 1",))


# --- histories ---


@pytest.mark.parametrize(
    ("status", "out"),
    [(200, OK), (201, OK), (409, FAIL), (500, FAIL), (502, INFO), (503, INFO), (504, INFO), (None, INFO)],
)
def test_only_a_definite_answer_counts(status: int | None, out: Out) -> None:
    assert history.outcome_of(status) is out


def test_a_history_survives_its_file() -> None:
    written = [write("a", 2, t0=0.5, t1=0.75), write("a", None, out=INFO)]
    lines = io.StringIO()

    history.write(written, lines)

    assert list(history.read(lines.getvalue().splitlines())) == written


# --- queue accounting ---


def test_a_queue_that_gives_back_what_it_took_passes() -> None:
    verdict = queue.account({"a": OK, "b": OK, "c": INFO, "d": INFO, "e": FAIL}, ["a", "b", "b", "c"])

    assert (verdict.truth, verdict.counted) == (
        Truth.TRUE,
        {"acknowledged": 2, "seen": 3, "duplicates": 1, "recovered": 1},
    )


@pytest.mark.parametrize(
    ("attempted", "seen", "once", "kind"),
    [
        ({"a": OK, "b": OK}, ["a"], False, "lost"),
        ({"a": OK}, ["a", "z"], False, "unexpected"),
        ({"a": OK, "b": FAIL}, ["a", "b"], False, "unexpected"),
        ({"a": OK}, ["a", "a"], True, "duplicate"),
    ],
)
def test_a_queue_is_convicted(attempted: Mapping[str, Out], seen: list[str], once: bool, kind: str) -> None:
    assert convicted(queue.account(attempted, seen, once=once), kind)


def test_a_queue_that_took_too_little_is_unknown() -> None:
    assert queue.account({"a": INFO}, ["a"]).truth is Truth.UNKNOWN


# --- order per key ---


def told(*versions: int, key: str = "a", partition: int = 3) -> list[Record]:
    return [Record(key, version, f"{key}{version}", partition) for version in versions]


@pytest.mark.parametrize(
    "records",
    [
        told(1, 2, 3),
        told(1, 2, 3, 1, 2, 3, 4),
        told(1, 2, 3, 2, 4, 1, 5),
        [*told(1, 2), *told(1, key="b", partition=0), *told(3), *told(2, key="b", partition=0)],
    ],
)
def test_first_copies_in_order_pass(records: list[Record]) -> None:
    assert order.first_seen(records, least=3).truth is Truth.TRUE


@pytest.mark.parametrize(
    ("records", "kinds"),
    [
        (told(1, 3), {"gap", "missing"}),
        (told(2, 3), {"gap", "missing"}),
        (told(1, 3, 2), {"gap", "inversion"}),
        (told(1, 2, 4, 2, 3), {"gap", "inversion"}),
        ([*told(1, 2), Record("a", 2, "other", 3)], {"forked"}),
        ([*told(1), *told(2, partition=4)], {"moved"}),
    ],
)
def test_order_is_convicted(records: list[Record], kinds: set[str]) -> None:
    assert convicted(order.first_seen(records), *kinds)


def test_an_empty_topic_says_nothing_about_order() -> None:
    assert order.first_seen([]).truth is Truth.UNKNOWN


# --- list-append ledger ---


def test_lists_without_gap_or_repeat_pass() -> None:
    assert appends.exactly_once({"a": [1, 2, 3], "b": [1]}, {"a": 3, "b": 1}).truth is Truth.TRUE


@pytest.mark.parametrize(
    ("lists", "told_to", "kinds"),
    [
        ({"a": [1, 3]}, {"a": 3}, {"lost"}),
        ({"a": [1, 2]}, {"a": 3}, {"lost"}),
        ({}, {"a": 1}, {"lost"}),
        ({"a": [1, 2, 2, 3]}, {"a": 3}, {"duplicate"}),
        ({"a": [1, 3, 2]}, {"a": 3}, {"disorder"}),
        ({"a": [1, 2, 3, 1]}, {"a": 3}, {"duplicate", "disorder"}),
        ({"a": [1, 2]}, {"a": 1}, {"unexpected"}),
        ({"a": [1], "z": [1]}, {"a": 1}, {"unexpected"}),
    ],
)
def test_a_list_is_convicted(lists: Mapping[str, Sequence[int]], told_to: Mapping[str, int], kinds: set[str]) -> None:
    assert convicted(appends.exactly_once(lists, told_to), *kinds)


def test_lists_with_too_few_effects_say_nothing() -> None:
    assert appends.exactly_once({"a": [1]}, {"a": 1}, least=2).truth is Truth.UNKNOWN


# --- version chain ---


def write(key: str, ver: int | None, *, t0: float = 0.0, t1: float = 1.0, out: Out = OK, val: str = "w") -> Op:
    return Op(i=0, t0=t0, t1=t1, proc=0, op="report", key=key, val=val, out=out, ver=ver)


def test_a_chain_of_writes_passes() -> None:
    writes = [write("a", 2, t0=0, t1=3), write("a", 4, t0=1, t1=5), write("a", 3, t0=2, t1=4), write("b", 2)]

    assert chain.unbroken(writes, {"a": 4, "b": 2}, first=2).truth is Truth.TRUE


def test_an_indeterminate_write_may_have_made_a_version() -> None:
    writes = [write("a", 1), write("a", None, out=INFO), write("a", 3), write("a", None, out=FAIL)]

    assert chain.unbroken(writes, {"a": 3}).truth is Truth.TRUE


@pytest.mark.parametrize(
    ("writes", "final", "kind"),
    [
        ([write("a", 1), write("a", 2), write("a", 2, val="x")], 2, "twice"),
        ([write("a", 1), write("a", 3)], 2, "beyond"),
        ([write("a", 1), write("a", 3)], 3, "missing"),
        ([write("a", 1), write("a", None, out=FAIL), write("a", 3)], 3, "missing"),
        ([write("a", 1, t0=5, t1=6), write("a", 2, t0=1, t1=2)], 2, "backwards"),
    ],
)
def test_a_chain_is_convicted(writes: list[Op], final: int, kind: str) -> None:
    assert kind in chain.unbroken(writes, {"a": final}).kinds


def test_a_chain_that_nobody_wrote_is_unknown() -> None:
    assert chain.unbroken([], {"a": 0}).truth is Truth.UNKNOWN


# --- conservation ---


def found(**rows: tuple[int, int, int, int]) -> Found:
    columns = [Counter({name: row[column] for name, row in rows.items() if row[column]}) for column in range(4)]
    return Found(*columns)


def test_commands_that_are_all_or_nothing_pass() -> None:
    outs = {"done": OK, "refused": FAIL, "unsure": INFO, "unsure_too": INFO}
    rows = found(done=(1, 1, 1, 0), refused=(0, 0, 0, 1), unsure=(1, 1, 1, 0))

    assert conservation.all_or_none(outs, rows).truth is Truth.TRUE


@pytest.mark.parametrize(
    ("out", "row", "kinds"),
    [
        (OK, (0, 0, 0, 0), {"unfounded"}),
        (OK, (1, 0, 1, 0), {"torn"}),
        (OK, (0, 1, 1, 0), {"torn"}),
        (OK, (1, 1, 0, 0), {"torn"}),
        (OK, (2, 1, 1, 0), {"doubled"}),
        (OK, (1, 2, 1, 0), {"doubled"}),
        (OK, (1, 1, 2, 0), {"doubled"}),
        (FAIL, (1, 1, 1, 1), {"ghost"}),
        (FAIL, (0, 0, 1, 1), {"ghost"}),
        (FAIL, (0, 0, 0, 0), {"unrefused"}),
        (FAIL, (0, 0, 0, 2), {"unrefused"}),
        (INFO, (1, 1, 0, 0), {"torn"}),
        (INFO, (0, 0, 1, 0), {"torn"}),
        (INFO, (1, 2, 1, 0), {"doubled"}),
    ],
)
def test_a_command_is_convicted(out: Out, row: tuple[int, int, int, int], kinds: set[str]) -> None:
    rows = found(good=(1, 1, 1, 0), bad=row)

    assert convicted(conservation.all_or_none({"good": OK, "bad": out}, rows), *kinds)


def test_rows_of_a_command_that_was_never_sent_are_found() -> None:
    rows = found(good=(1, 1, 1, 0), alien=(1, 1, 1, 0))

    assert convicted(conservation.all_or_none({"good": OK}, rows), "stranger")


def balance(good: int, scrap: int, processed: int, *entries: tuple[int, int], desired: int = 10) -> Balance:
    return Balance(key="a", good=good, scrap=scrap, processed=processed, desired=desired, entries=entries)


def test_quantities_that_are_ledger_sums_pass() -> None:
    assert conservation.quantities([balance(3, 1, 4, (1, 1), (2, 0)), balance(0, 0, 0)]).truth is Truth.TRUE


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        (balance(3, 0, 3, (1, 0)), "unbooked"),
        (balance(1, 0, 1, (1, 0), (1, 0)), "unbooked"),
        (balance(1, 1, 1, (1, 1)), "uneven"),
        (balance(6, 0, 6, (6, 0), desired=5), "overbooked"),
    ],
)
def test_quantities_are_convicted(wrong: Balance, kind: str) -> None:
    assert convicted(conservation.quantities([wrong]), kind)


# --- projection = fold ---


def test_the_naive_fold_keeps_the_newest_of_copies_and_latecomers() -> None:
    records: list[tuple[str, int, Any]] = [("a", 1, "x"), ("a", 3, "z"), ("a", 2, "y"), ("a", 1, "x"), ("b", 1, "k")]

    assert fold.fold(records) == {"a": "z", "b": "k"}


def test_a_projection_that_is_the_fold_passes_whatever_the_order_of_its_fields() -> None:
    assert fold.same({"a": {"x": 1, "y": 2}}, {"a": {"y": 2, "x": 1}}).truth is Truth.TRUE


@pytest.mark.parametrize(
    ("projection", "kind"),
    [({}, "absent"), ({"a": 2, "b": 1}, "invented"), ({"a": 1}, "stale")],
)
def test_a_projection_is_convicted(projection: Mapping[str, Any], kind: str) -> None:
    assert convicted(fold.same(projection, {"a": 2}), kind)


def test_decimals_are_compared_as_they_are_written() -> None:
    assert fold.same({"a": Decimal("1.5")}, {"a": "1.5"}).truth is Truth.TRUE


# --- progress after heal ---


def test_steady_success_after_heal_passes() -> None:
    steady = [write("a", n, t1=float(n)) for n in range(1, 40)]

    assert progress.after_heal(steady, healed_at=10.0, ended_at=40.0).truth is Truth.TRUE


@pytest.mark.parametrize(("times", "ended_at"), [((1.0, 30.0), 31.0), ((1.0, 2.0, 3.0), 20.0), ((15.0, 16.0), 17.0)])
def test_a_stall_after_heal_is_convicted(times: tuple[float, ...], ended_at: float) -> None:
    stalled = [write("a", n, t1=moment) for n, moment in enumerate(times)]

    assert convicted(progress.after_heal(stalled, healed_at=0.5, ended_at=ended_at), "stall")


def test_no_load_after_heal_proves_no_progress() -> None:
    assert progress.after_heal([], healed_at=1.0, ended_at=2.0).truth is Truth.UNKNOWN


# --- contention ---


def test_operations_on_one_key_at_one_time_have_met() -> None:
    apart = [write("a", 1, t0=0, t1=1), write("b", 1, t0=0.5, t1=2), write("a", 2, t0=1, t1=2)]
    together = [write("a", 1, t0=0, t1=3), write("a", 2, t0=1, t1=2), write("a", 3, t0=2.5, t1=4)]

    assert (contention.meetings(apart), contention.meetings(together)) == (0, 2)
