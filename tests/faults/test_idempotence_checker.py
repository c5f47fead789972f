"""The checker of repeated commands convicts planted histories of each anomaly, and passes what is allowed."""

from collections import Counter

import pytest

from tests.faults.checkers.history import Out
from tests.faults.checkers.idempotence import Post, one_command
from tests.faults.checkers.verdict import Truth

OK, FAIL, INFO = Out.OK, Out.FAIL, Out.INFO


def post(body: str, out: Out = OK, *, caller: str = "a", http: int | None = None, answer: str = "v2") -> Post:
    status = {OK: 200, FAIL: 422, INFO: None}[out] if http is None else http
    return Post(caller=caller, key="k", body=body, out=out, http=status, answer=answer if out is OK else "")


def test_repeats_that_were_one_command_pass() -> None:
    history = [
        post("first", INFO),
        post("first"),
        post("first", FAIL, http=409),
        post("first"),
        post("other", FAIL),
        post("other", INFO),
        post("hers", caller="b", answer="v3"),
    ]

    verdict = one_command(history, Counter(first=1, hers=1), least=2)

    assert (verdict.truth, verdict.counted["answered"]) == (Truth.TRUE, 2)


@pytest.mark.parametrize("effects", [Counter[str](), Counter(first=1)])
def test_a_command_without_an_answer_may_have_taken_effect_or_not(effects: Counter[str]) -> None:
    assert one_command([post("first", INFO)], effects, least=0).truth is Truth.TRUE


@pytest.mark.parametrize(
    ("history", "effects", "kind"),
    [
        ([post("first"), post("first")], Counter(first=2), "doubled"),
        ([post("first", INFO)], Counter(first=2), "doubled"),
        ([post("first")], Counter[str](), "unfounded"),
        ([post("first"), post("first", answer="v3")], Counter(first=1), "forked"),
        ([post("first", FAIL)], Counter[str](), "refused"),
        ([post("first"), post("first", FAIL, http=412)], Counter(first=1), "refused"),
        ([post("first"), post("other")], Counter(first=1), "accepted"),
        ([post("first"), post("other", FAIL)], Counter(first=1, other=1), "applied"),
        ([post("first")], Counter(first=1, alien=1), "stranger"),
        ([post("first"), post("hers", FAIL, caller="b")], Counter(first=1), "refused"),
        ([post("first"), post("hers", caller="b")], Counter(first=1), "unfounded"),
    ],
)
def test_a_history_is_convicted(history: list[Post], effects: Counter[str], kind: str) -> None:
    verdict = one_command(history, effects)

    assert (verdict.truth, verdict.kinds) == (Truth.FALSE, frozenset({kind}))


def test_keys_that_nobody_answered_say_nothing() -> None:
    assert one_command([post("first", INFO)], Counter()).truth is Truth.UNKNOWN
