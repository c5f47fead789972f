"""What a password, a sign-in attempt and a refresh token may be. Pure: no database, no clock, no framework."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files

ACCESS_LIFE = timedelta(minutes=15)
REFRESH_LIFE = timedelta(hours=12)
SIGN_IN_LIFE = timedelta(days=7)
"""Absolute: however often it is refreshed, a sign-in ends."""

FREE_FAILURES = 5
LONGEST_BACK_OFF = timedelta(minutes=5)
FORGET_AFTER = timedelta(hours=1)

SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 128

_LEET = str.maketrans("013457@$!|", "oleastasil")
_RUNS = ("abcdefghijklmnopqrstuvwxyz", "0123456789", "qwertyuiop", "asdfghjkl", "zxcvbnm", "1qaz2wsx3edc4rfv5tgb6yhn")
_WORDS = frozenset(files(__package__).joinpath("common_words.txt").read_text().split())


def account_name(username: str) -> str:
    """One spelling per account: compatibility-normalised, trimmed, case-folded."""
    return unicodedata.normalize("NFKC", username).strip().casefold()


def spelled(password: str) -> str:
    """The one spelling that is hashed, so that a keyboard's choice of code points does not matter. Never shortened."""
    return unicodedata.normalize("NFKC", password)


def weakness(password: str, *, username: str, name: str = "") -> str | None:
    """Why this password is refused, as a sentence; None when it may be used."""
    text = spelled(password)
    if len(text) < SHORTEST_PASSWORD:
        return f"A password has at least {SHORTEST_PASSWORD} characters."
    if len(text) > LONGEST_PASSWORD:
        return f"A password has at most {LONGEST_PASSWORD} characters."
    if _names_its_owner(text, username, name):
        return "A password does not contain the name of its owner."
    if _is_common(text):
        return "This password is among the first that anyone would try."
    return None


def _names_its_owner(text: str, username: str, name: str) -> bool:
    parts = [account_name(username), *name.casefold().split()]
    return any(len(part) >= 4 and part in text.casefold() for part in parts)


def _is_common(text: str) -> bool:
    """Well-known words however decorated, runs of the keyboard, one short thing repeated."""
    folded = text.casefold()
    core = re.sub(r"^[^a-z]+|[^a-z]+$", "", folded)
    spellings = {re.sub(r"[^a-z]", "", one) for one in (folded, folded.translate(_LEET), core.translate(_LEET))}
    short_number = folded.isdigit() and len(folded) < 12
    runs = any(map(_is_run, (folded, core)))
    return short_number or runs or _is_repeat(folded) or any(map(_is_words, spellings))


def _is_words(letters: str) -> bool:
    """Whether nothing is left once well-known words are taken out; `admin123` leaves nothing, a passphrase does."""
    reachable = {0}
    for end in range(1, len(letters) + 1):
        if any(start in reachable and letters[start:end] in _WORDS for start in range(max(0, end - 14), end)):
            reachable.add(end)
    return 0 < len(letters) <= 16 and len(letters) in reachable


def _is_run(text: str) -> bool:
    return len(text) > 5 and any(text in run * 3 or text in run[::-1] * 3 for run in _RUNS)


def _is_repeat(text: str) -> bool:
    return any(len(text) > 2 * size and text == (text[:size] * len(text))[: len(text)] for size in (1, 2, 3, 4))


@dataclass(frozen=True, kw_only=True)
class Attempts:
    """Sign-in attempts on one account from one source since the last success or the last quiet hour."""

    failures: int
    last_at: datetime
    blocked_until: datetime | None = None

    def is_blocked(self, now: datetime) -> bool:
        return self.blocked_until is not None and now < self.blocked_until


def counted(before: Attempts | None, now: datetime) -> Attempts:
    """The state after one more attempt, which counts as failed until it succeeds.

    An attempt during a back-off is counted but does not lengthen it: guessing on cannot shut the owner out.
    """
    if before is None or now - before.last_at > FORGET_AFTER:
        return Attempts(failures=1, last_at=now)
    failures = before.failures + 1
    if before.is_blocked(now):
        return Attempts(failures=failures, last_at=now, blocked_until=before.blocked_until)
    return Attempts(failures=failures, last_at=now, blocked_until=_back_off(failures, now))


def _back_off(failures: int, now: datetime) -> datetime | None:
    beyond = failures - FREE_FAILURES
    return now + min(timedelta(seconds=2 ** min(beyond, 12)), LONGEST_BACK_OFF) if beyond >= 0 else None
