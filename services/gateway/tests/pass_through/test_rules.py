"""Which path goes where, and what goes with it."""

import pytest

from gateway.pass_through.rules import declared_length, homeward, onward, owner_of, segments_of

OWNERS = {"items": "operations", "operations": "operations", "records": "records"}.get


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        (b"/api/v1/items", "operations"),
        (b"/api/v1/items/A%20B", "operations"),
        (b"/api/v1/operations/WO-1/0010/start", "operations"),
        (b"/api/v1/records/1/history", "records"),
    ],
)
def test_the_first_segment_names_the_owner(path, owner):
    assert owner_of(path, OWNERS) == owner


@pytest.mark.parametrize(
    "path",
    [
        b"/", b"/api/v1", b"/api/v1/", b"/api/v1/nothing", b"/api/v2/items", b"/API/v1/items", b"/api/v1/Items",
        b"/api/v1/items/", b"/api/v1//items", b"/api/v1/items//A", b"//api/v1/items", b"/api/v1/%69tems",
        b"/api/v1/items/../records", b"/api/v1/items/%2e%2e/records", b"/api/v1/items/.%2E/records",
        b"/api/v1/./items", b"/api/v1/items/a%2fb", b"/api/v1/items/a%5cb", b"/api/v1/items;v=1/A",
        b"/api/v1/items/a\\b", b"/api/v1/items/%00", b"/api/v1/items/\xff",
    ],
)  # fmt: skip
def test_a_path_that_two_readers_could_take_differently_has_no_owner(path):
    assert owner_of(path, OWNERS) is None


def test_a_key_may_hold_anything_that_is_encoded_plainly():
    assert segments_of(b"/api/v1/items/A%20%25%3F%23.B") == ("items", "A%20%25%3F%23.B")


def test_what_belongs_to_this_hop_or_only_we_may_say_stays_here():
    sent = [
        (b"Authorization", b"Bearer x"), (b"Accept", b"application/json"), (b"Connection", b"keep-alive, X-Private"),
        (b"X-Private", b"1"), (b"Keep-Alive", b"5"), (b"TE", b"trailers"), (b"Upgrade", b"h2c"), (b"Host", b"evil"),
        (b"X-User-Id", b"admin"), (b"x-user-roles", b"ADMIN"), (b"X-Takt-Principal", b"admin"),
        (b"X-Forwarded-For", b"127.0.0.1"), (b"Forwarded", b"for=127.0.0.1"), (b"X-Real-IP", b"127.0.0.1"),
        (b"X-HTTP-Method-Override", b"DELETE"), (b"Transfer-Encoding", b"chunked"), (b"Content-Length", b"3"),
        (b"If-Match", b'"7"'), (b"Idempotency-Key", b"k"), (b"Content-Type", b"application/json"),
    ]  # fmt: skip

    assert {name for name, _ in onward(sent)} == {
        b"authorization", b"accept", b"if-match", b"idempotency-key", b"content-type",
    }  # fmt: skip


def test_naming_the_token_in_connection_does_not_drop_it():
    assert onward([(b"connection", b"authorization"), (b"authorization", b"Bearer x")]) == [
        (b"authorization", b"Bearer x")
    ]


def test_the_answer_comes_home_without_the_owner_s_hop():
    answered = [
        (b"ETag", b'"7"'),
        (b"Server", b"uvicorn"),
        (b"Date", b"now"),
        (b"Connection", b"close"),
        (b"Location", b"/x"),
    ]

    assert homeward(answered) == [(b"etag", b'"7"'), (b"location", b"/x")]


def test_a_length_that_is_no_number_is_refused():
    assert declared_length([(b"content-length", b"12")]) == 12
    assert declared_length([]) is None
    with pytest.raises(ValueError, match="not a number"):
        declared_length([(b"content-length", b"-1")])
