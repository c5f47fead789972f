"""One key, one command: what was posted under an Idempotency-Key against its effects and its answers.

A key is its caller's: two callers who use the same one do not meet. The first body that a caller sends under a key is
the command; another body under the same key is another request, which must be refused and must not take effect.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from tests.faults.checkers.history import Out
from tests.faults.checkers.verdict import Anomaly, Verdict, judge

STILL_RUNNING: Final = 409


@dataclass(frozen=True, kw_only=True, slots=True)
class Post:
    """One request. `body` is unique to what was asked; `answer` is what came back, without what each answer has of its
    own (its request id, its date).
    """

    caller: str
    key: str
    body: str
    out: Out
    http: int | None = None
    answer: str = ""


def one_command(posts: Iterable[Post], effects: Counter[str], *, least: int = 1) -> Verdict:
    """`posts` in the order of their start; `effects` by body. Needs `least` answered keys.

    Kinds: doubled, unfounded (answered ok, no effect), forked (two ok answers differ), refused (the command itself, for
    another reason than that it still runs), accepted (another body answered ok), applied (another body took effect),
    stranger (an effect of no post).
    """
    known = tuple(posts)
    keys: dict[tuple[str, str], list[Post]] = {}
    for post in known:
        keys.setdefault((post.caller, post.key), []).append(post)
    anomalies = [anomaly for name, of_key in keys.items() for anomaly in _judge(name, of_key, effects)]
    strangers = effects.keys() - {post.body for post in known}
    anomalies.extend(Anomaly("stranger", f"{body} took effect and was never sent") for body in strangers)
    answered = sum(any(post.out is Out.OK for post in of_key) for of_key in keys.values())
    unsure = sum(post.out is Out.INFO for post in known)
    counted = {"keys": len(keys), "posts": len(known), "answered": answered, "unsure": unsure}
    return judge("idempotence", anomalies, counted, {"answered": least})


def _judge(name: tuple[str, str], posts: list[Post], effects: Counter[str]) -> Iterator[Anomaly]:
    command = posts[0].body
    yield from _command(name, [post for post in posts if post.body == command], effects[command])
    for post in posts:
        if post.body != command and post.out is Out.OK:
            yield Anomaly("accepted", f"{name} answered {post.http} to {post.body}, its command is {command}")
    for body in {post.body for post in posts} - {command}:
        if effects[body]:
            yield Anomaly("applied", f"{name} has {effects[body]} effects of {body}, its command is {command}")


def _command(name: tuple[str, str], posts: list[Post], effects: int) -> Iterator[Anomaly]:
    answers = {post.answer for post in posts if post.out is Out.OK}
    if effects > 1:
        yield Anomaly("doubled", f"{name} has {effects} effects")
    if answers and not effects:
        yield Anomaly("unfounded", f"{name} was answered ok and has no effect")
    if len(answers) > 1:
        yield Anomaly("forked", f"{name} has {len(answers)} different answers: {sorted(answers)[:2]}")
    if wrong := {post.http for post in posts if post.out is Out.FAIL and post.http != STILL_RUNNING}:
        yield Anomaly("refused", f"{name} was refused with {sorted(wrong, key=str)}")
