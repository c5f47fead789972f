"""Sign-in, refresh, logout over the wire, against a real database."""

import asyncio
import base64
import json

import httpx
import pytest
from prometheus_client import REGISTRY

from gateway.identity.door import sign_in_of
from gateway.identity.tokens import sweep_tokens
from plantkit.auth.principal import SYSTEM
from plantkit.db.tx import Origin
from plantkit.run import Runner
from takt_contracts.gateway.identity import SignedIn, SignInEnded, UserCreated

pytestmark = pytest.mark.db
ADMIN = {"username": "admin", "password": "zK4!vq81mWp3 of the plant"}


@pytest.fixture
async def tokens(admin: httpx.AsyncClient, anonymous: httpx.AsyncClient) -> dict[str, str]:
    """A fresh sign-in of the administrator."""
    answer = await anonymous.post("/api/v1/auth/login", json=ADMIN)
    found: dict[str, str] = answer.json()
    return found


async def me(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.get("/api/v1/me", headers={"authorization": f"Bearer {token}"})


async def refresh(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post("/api/v1/auth/refresh", json={"refresh_token": token})


async def test_a_user_name_and_its_password_make_a_pair_of_tokens(admin, anonymous):
    answer = await anonymous.post("/api/v1/auth/login", json={**ADMIN, "username": " Admin "})

    assert answer.status_code == 200, answer.text
    assert answer.json().keys() == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("Bearer", 900)
    assert answer.headers["cache-control"] == "no-store"
    assert (await me(anonymous, answer.json()["access_token"])).json()["username"] == "admin"


def test_the_access_token_says_who_where_for_and_how_long(tokens):
    header, claims = (
        json.loads(base64.urlsafe_b64decode(part + "==")) for part in tokens["access_token"].split(".")[:2]
    )

    assert claims["iss"] == claims["aud"] == "takt"
    assert (claims["typ"], claims["roles"], claims["exp"] - claims["iat"]) == ("access", ["ADMIN"], 900)
    assert {"sub", "name", "sid", "nbf"} <= claims.keys()
    assert header.keys() == {"alg", "kid", "typ"}


async def test_the_public_keys_are_public_and_only_public(anonymous):
    for path in ("/.well-known/jwks.json", "/api/v1/.well-known/jwks.json"):
        [key] = (await anonymous.get(path)).json()["keys"]
        assert key["kty"] == "OKP"
        assert "d" not in key


async def test_the_sign_in_button_of_the_documentation_sends_a_form(admin, anonymous):
    answer = await anonymous.post("/api/v1/auth/token", data={"grant_type": "password", **ADMIN})
    assert answer.status_code == 200, answer.text

    again = {"grant_type": "refresh_token", "refresh_token": answer.json()["refresh_token"]}
    assert (await anonymous.post("/api/v1/auth/token", data=again)).status_code == 200


@pytest.mark.parametrize("grant", ["client_credentials", "", "PASSWORD"])
async def test_other_grants_are_not_offered(anonymous, grant):
    answer = await anonymous.post("/api/v1/auth/token", data={"grant_type": grant, **ADMIN})

    assert answer.status_code == 422


async def test_unknown_wrong_and_disabled_are_one_answer(admin, anonymous, signed_in):
    await signed_in("leaver", "VIEWER")
    await admin.patch("/api/v1/users/leaver", json={"active": False}, headers={"if-match": '"1"'})
    tries = [("nobody", "whatever it is"), ("admin", "wrong by a mile"), ("leaver", "a long and dull one 77")]

    answers = [await anonymous.post("/api/v1/auth/login", json={"username": u, "password": p}) for u, p in tries]

    assert {answer.status_code for answer in answers} == {401}
    assert len({without_trace(answer) for answer in answers}) == 1
    assert answers[0].json()["code"] == "auth.sign-in-refused"


async def test_an_account_rests_after_failures_even_for_the_right_password_and_looks_the_same(
    anonymous, admin, signed_in
):
    await signed_in("resting", "VIEWER")
    wrong = {"username": "resting", "password": "wrong by a mile"}
    right = {**wrong, "password": "a long and dull one 77"}
    failures = [await anonymous.post("/api/v1/auth/login", json=wrong) for _ in range(7)]

    answer = await anonymous.post("/api/v1/auth/login", json=right)

    assert {without_trace(one) for one in [*failures, answer]} == {without_trace(answer)}


async def test_a_resting_account_keeps_its_running_sign_ins(anonymous, admin, signed_in):
    """Guessing must not lock the holder of a session out."""
    client = await signed_in("working", "VIEWER")
    for _ in range(7):
        await anonymous.post("/api/v1/auth/login", json={"username": "working", "password": "wrong by a mile"})

    assert (await client.get("/api/v1/me")).status_code == 200


async def test_fifty_guesses_at_once_count_fifty(anonymous, admin, database):
    body = {"username": "fifty", "password": "wrong by a mile"}
    await asyncio.gather(*(anonymous.post("/api/v1/auth/login", json=body) for _ in range(50)))

    async with database.connect() as connection:
        failures = await connection.fetchval(
            "SELECT failures FROM sign_in_attempts WHERE account = sha256(convert_to('fifty', 'UTF8'))"
        )
    assert failures == 50


async def test_a_refresh_token_works_once(anonymous, tokens):
    fresh = await refresh(anonymous, tokens["refresh_token"])

    assert fresh.status_code == 200
    assert fresh.json()["refresh_token"] != tokens["refresh_token"]
    assert (await me(anonymous, fresh.json()["access_token"])).status_code == 200


async def test_using_it_twice_ends_the_whole_sign_in(anonymous, tokens, published):
    fresh = (await refresh(anonymous, tokens["refresh_token"])).json()

    second = await refresh(anonymous, tokens["refresh_token"])

    assert (second.status_code, second.json()["code"]) == (401, "auth.refresh-refused")
    assert (await refresh(anonymous, fresh["refresh_token"])).status_code == 401
    assert (await published(SignInEnded))[-1].state.ended_because == "token-reused"


async def test_of_many_uses_at_once_at_most_one_wins(anonymous, tokens):
    answers = await asyncio.gather(*(refresh(anonymous, tokens["refresh_token"]) for _ in range(12)))

    winners = [answer for answer in answers if answer.status_code == 200]
    assert len(winners) <= 1
    assert {answer.status_code for answer in answers} <= {200, 401}
    for winner in winners:  # the others' reuse ended the line
        assert (await refresh(anonymous, winner.json()["refresh_token"])).status_code == 401


async def test_logout_ends_both_tokens_at_once_at_this_door(anonymous, tokens, published):
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}
    assert (await anonymous.post("/api/v1/auth/logout", headers=bearer)).status_code == 204

    assert (await me(anonymous, tokens["access_token"])).status_code == 401
    assert (await refresh(anonymous, tokens["refresh_token"])).status_code == 401
    assert (await published(SignInEnded))[-1].state.ended_because == "logged-out"


async def test_an_access_token_is_no_refresh_token_and_the_reverse(anonymous, tokens):
    assert (await me(anonymous, tokens["refresh_token"])).status_code == 401
    assert (await refresh(anonymous, tokens["access_token"])).status_code == 401


async def test_signing_in_is_told_without_a_secret(anonymous, tokens, published, database):
    assert (await published(SignedIn))[-1].version == 1
    assert (await published(UserCreated))[0].state.username == "admin"
    secrets = [ADMIN["password"], tokens["access_token"], tokens["refresh_token"]]

    async with database.connect() as connection:
        for table in ("outbox", "users", "sign_ins", "refresh_tokens", "sign_in_attempts", "idempotency"):
            rows = await connection.fetch(f"SELECT t::text AS line FROM {table} t")
            assert not any(secret in row["line"] for row in rows for secret in secrets), table


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400), (b"", 422), (b"[]", 422), (b"{}", 422), (b'{"username": "a"}', 422),
        (b'{"username": 1, "password": "x"}', 422), (b'{"username": "a", "password": "x", "more": 1}', 422),
        (b'{"username": "a\\u0000", "password": "x"}', 422), (b'{"username": "\\ud800", "password": "x"}', 422),
        (b'{"username": "' + b"a" * 2000 + b'", "password": "x"}', 422), (b'{"username": "", "password": ""}', 422),
    ],
)  # fmt: skip
async def test_bad_input_is_refused_in_words_and_never_fails(anonymous, body, status):
    answer = await anonymous.post("/api/v1/auth/login", content=body, headers={"content-type": "application/json"})

    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert b"zK4" not in answer.content


async def test_a_refused_password_is_not_repeated_in_the_answer(anonymous):
    body = {"username": "a", "password": {"canary": "s3cr3t-canary"}}

    assert b"canary" not in (await anonymous.post("/api/v1/auth/login", json=body)).content


def without_trace(answer: httpx.Response) -> str:
    return json.dumps({name: value for name, value in answer.json().items() if name != "trace_id"}, sort_keys=True)


async def test_tokens_of_sign_ins_that_are_over_are_swept_up_and_no_others(app, anonymous, tokens, database):
    spare = (await anonymous.post("/api/v1/auth/login", json=ADMIN)).json()
    sign_in = sign_in_of(spare["access_token"])
    async with database.connect() as connection:
        await connection.execute("UPDATE sign_ins SET expires_at = now() - interval '1 s' WHERE id = $1", sign_in)

    context = app.state.context
    await Runner(context, SYSTEM, Origin(request_id="test"), now=context.clock)(sweep_tokens, None)

    assert (await refresh(anonymous, spare["refresh_token"])).status_code == 401
    assert (await refresh(anonymous, tokens["refresh_token"])).status_code == 200
    async with database.connect() as connection:
        left = await connection.fetchval("SELECT count(*) FROM refresh_tokens WHERE sign_in_id = $1", sign_in)
    assert left == 0


async def test_sign_ins_are_counted_by_what_came_of_them(anonymous, admin):
    before = sample("refused")
    await anonymous.post("/api/v1/auth/login", json={"username": "nobody-9", "password": "x"})

    assert sample("refused") == before + 1


def sample(outcome: str) -> float:
    return REGISTRY.get_sample_value("takt_gateway_sign_ins_total", {"outcome": outcome}) or 0.0
