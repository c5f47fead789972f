"""ETags, consistency tokens and idempotency keys."""

import asyncio

import pytest

from plantkit.errors import IdempotencyKeyMissing, PreconditionRequired, Stale
from plantkit.http.consistency import Consistency, Written
from plantkit.http.errors import BadConsistencyToken, BadIdempotencyKey, BadIfMatch, NotYet
from plantkit.http.etag import IfMatch, etag, unchanged
from plantkit.http.idempotency import digest, key_of
from plantkit.http.signing import seal, unseal

SECRET = "3f9d4c1b7a2e83651d9c4b7a2e8365f1"


def test_the_version_that_was_read_passes():
    IfMatch.parse('"7"').check(7)
    IfMatch.parse(' "7" ').check(7)


@pytest.mark.parametrize("header", ["*", 'W/"7"', "7", '"7", "8"', "", '"7', "'7'"])
def test_anything_but_one_strong_etag_is_malformed(header):
    with pytest.raises(BadIfMatch):
        IfMatch.parse(header)


@pytest.mark.parametrize("header", ['"6"', '"07"', '"abc"', '""'])
def test_another_version_is_stale(header):
    with pytest.raises(Stale):
        IfMatch.parse(header).check(7)


def test_no_version_is_a_precondition_required():
    with pytest.raises(PreconditionRequired):
        IfMatch.parse(None).check(7)


@pytest.mark.parametrize(
    ("header", "same"),
    [
        (None, False),
        ('"7"', True),
        ('W/"7"', True),
        ('"6", "7"', True),
        ("*", True),
        ('"6"', False),
        ("nonsense", False),
    ],
)
def test_a_reader_who_has_the_version_is_told_so(header, same):
    assert unchanged(header, 7) is same
    assert etag(7) == '"7"'


@pytest.mark.parametrize(("header", "key"), [("abc", "abc"), (' "abc" ', "abc"), ("a" * 255, "a" * 255)])
def test_an_idempotency_key_is_taken_with_or_without_quotes(header, key):
    assert key_of(header, required=True) == key


@pytest.mark.parametrize("header", ["", '""', "a" * 256, "two words", "\xe9"])
def test_an_unusable_idempotency_key_is_refused(header):
    with pytest.raises(BadIdempotencyKey):
        key_of(header, required=False)


def test_a_missing_idempotency_key_is_refused_only_where_it_is_required():
    assert key_of(None, required=False) is None
    with pytest.raises(IdempotencyKeyMissing):
        key_of(None, required=True)


def test_another_request_has_another_digest():
    same = digest("POST", "/items", "", {"a": 1, "b": 2})
    assert same == digest("POST", "/items", "", {"b": 2, "a": 1})
    others = [
        ("PUT", "/items", "", {"a": 1, "b": 2}),
        ("POST", "/item", "s", {"a": 1, "b": 2}),
        ("POST", "/items", "", {}),
    ]
    assert all(digest(*other) != same for other in others)


def test_a_sealed_token_opens_only_whole_for_its_purpose_and_with_its_secret():
    token = seal(SECRET, "cursor", [1, "x"])
    assert unseal(SECRET, "cursor", token) == [1, "x"]
    for secret, purpose, text in [(SECRET[::-1], "cursor", token), (SECRET, "other", token), (SECRET, "cursor", "")]:
        with pytest.raises(ValueError, match=r"not a token|not sealed"):
            unseal(secret, purpose, text)


def test_no_single_changed_character_of_a_token_goes_unnoticed():
    token = seal(SECRET, "cursor", ["A-1"])
    for place, character in enumerate(token):
        for other in "AQgw_-9é=":
            if other != character:
                with pytest.raises(ValueError, match=r"not a token|not sealed"):
                    unseal(SECRET, "cursor", token[:place] + other + token[place + 1 :])


def written(version: int) -> str:
    return seal(SECRET, "consistency", ["operations", "takt.operations.item", "A-1", version])


async def test_a_read_waits_until_the_write_is_seen():
    seen = iter([0, 1, 2, 3])

    async def reached(write: Written) -> int:
        assert (write.topic, write.subject) == ("takt.operations.item", "A-1")
        await asyncio.sleep(0)
        return next(seen)

    await Consistency(SECRET, "gateway").wait(written(3), reached)
    assert next(seen, None) is None


async def test_a_read_that_waits_too_long_says_how_far_behind_it_is():
    async def reached(_: Written) -> int:
        return 1

    with pytest.raises(NotYet) as refused:
        await Consistency(SECRET, "gateway").wait(written(3), reached)
    assert refused.value.values["behind"] == 2


@pytest.mark.parametrize("token", ["", "x", "A" * 40, "A" * 5000, "é"])
def test_a_foreign_consistency_token_is_refused(token):
    with pytest.raises(BadConsistencyToken):
        Consistency(SECRET, "gateway").read(token)
