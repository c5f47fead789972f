"""The order in which every request is checked, and what its endpoints tell in the document."""

import itertools
import time

import pytest
from fastapi import FastAPI

from plantkit.http.consistency import HEADER
from plantkit.http.route import Routes, allow, public
from plantkit.http.signing import seal
from takt_contracts.roles import Role

GOOD = {"code": "A-1", "qty": "5"}


@pytest.fixture
def planner(signer):
    return signer.headers(Role.PLANNER)


def test_an_endpoint_that_does_not_say_who_may_call_it_is_refused_at_import():
    with pytest.raises(TypeError, match="must say either"):

        @Routes().get("/secret")
        async def secret() -> None:
            """Nobody said who."""


def test_an_endpoint_that_is_public_and_restricted_is_refused_at_import():
    with pytest.raises(TypeError, match="must say either"):

        @Routes().get("/both")
        @public
        @allow(Role.ADMIN)
        async def both() -> None:
            """Everyone and nobody."""


def test_allow_without_a_role_is_refused():
    with pytest.raises(TypeError, match="at least one role"):
        allow()


async def test_a_public_endpoint_asks_nobody(edge):
    assert (await edge.get("/open")).status_code == 200


# One request with every mistake from each step on: the first step that is wrong answers.
STEPS = [
    ("size", 413, "request.too-large"),
    ("token", 401, "auth.unauthenticated"),
    ("role", 403, "auth.forbidden"),
    ("json", 400, "json.malformed"),
    ("key", 404, "resource.not-found"),
    ("if-match", 412, "resource.stale"),
    ("field", 422, "request.invalid"),
]


@pytest.mark.parametrize("first", range(len(STEPS)), ids=[step[0] for step in STEPS])
async def test_the_first_wrong_step_answers(edge, signer, first):
    wrong = {name for name, _, _ in STEPS[first:]}
    headers = {"content-type": "application/json", "if-match": '"6"' if "if-match" in wrong else '"7"'}
    if "token" not in wrong:
        headers |= signer.headers(Role.VIEWER if "role" in wrong else Role.PLANNER)
    body = b'{"qty": -1' if "json" in wrong else b'{"qty": -1}'
    body += b" " * 4000 if "size" in wrong else b""
    reply = await edge.patch(f"/things/{'MISSING' if 'key' in wrong else 'A-1'}", content=body, headers=headers)
    assert (reply.status_code, reply.json()["code"]) == STEPS[first][1:]


async def test_a_missing_if_match_comes_after_404_and_before_422(edge, planner):
    missing = await edge.patch("/things/MISSING", json={}, headers=planner)
    present = await edge.patch("/things/A-1", json={}, headers=planner)
    assert (missing.status_code, present.status_code) == (404, 428)
    assert present.json()["code"] == "resource.precondition-required"


async def test_a_method_that_does_not_exist_is_refused_before_the_token_is_asked(edge):
    reply = await edge.put("/things/A-1")
    assert (reply.status_code, reply.json()["code"]) == (405, "request.method-not-allowed")
    assert reply.headers["allow"] == "GET, PATCH"


async def test_every_wrong_field_is_named_with_a_code(edge, planner):
    body = {"qty": "-1", "extra": 1, "inner": [{"a": 1}]}
    reply = await edge.post("/things", json=body, headers=planner)
    found = {error["pointer"]: error["code"] for error in reply.json()["errors"]}
    assert reply.status_code == 422
    assert found == {
        "/code": "field.missing",
        "/qty": "field.range",
        "/extra": "field.unknown",
        "/inner/0/a": "field.type",
    }


async def test_a_body_without_content_is_an_invalid_body(edge, planner):
    reply = await edge.post("/things", headers=planner)
    assert (reply.status_code, reply.json()["errors"][0]["pointer"]) == (422, "")


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "", "application/jsonish"])
async def test_a_body_of_another_type_is_unsupported(edge, planner, content_type):
    reply = await edge.post("/things", content=b"{}", headers={**planner, "content-type": content_type})
    assert (reply.status_code, reply.json()["code"]) == (415, "request.unsupported-media-type")


async def test_a_body_that_is_longer_than_it_says_is_refused_while_it_is_read(edge, planner):
    async def endless():
        for _ in itertools.repeat(None, 10):
            yield b" " * 1000

    headers = {**planner, "content-type": "application/json"}
    reply = await edge.post("/things", content=endless(), headers=headers)
    assert (reply.status_code, reply.json()["code"]) == (413, "request.too-large")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("?deep=1", "query.unknown-name"),
        ("?depth=1&depth=2", "query.bad-value"),
        ("?depth=%00", "query.bad-value"),
        ("?depth=x", "request.malformed"),
        ("?depth=0", "request.malformed"),
    ],
)
async def test_a_query_that_is_not_understood_is_malformed(edge, planner, query, code):
    reply = await edge.get(f"/things/A-1{query}", headers=planner)
    assert (reply.status_code, reply.json()["code"]) == (400, code)


async def test_an_unknown_query_name_is_answered_with_the_known_ones(edge, planner):
    reply = await edge.get("/things/A-1?deep=1", headers=planner)
    assert reply.json()["allowed"] == ["depth"]


async def test_a_query_name_that_takes_a_list_may_come_again(edge, planner):
    reply = await edge.get("/lists?state=a&state=b", headers=planner)
    assert reply.json() == ["a", "b"]


async def test_a_path_with_nul_is_no_path(edge, planner):
    reply = await edge.get("/things/A%00B", headers=planner)
    assert (reply.status_code, reply.json()["code"]) == (404, "request.no-such-path")


async def test_a_verb_needs_a_key_and_the_key_is_scoped_to_its_request(edge, signer):
    headers = signer.headers(Role.OPERATOR)
    missing = await edge.post("/things/A-1/verb", json=GOOD, headers=headers)
    assert (missing.status_code, missing.json()["code"]) == (400, "idempotency.key-missing")

    headers["idempotency-key"] = "k-1"
    [once, again, other] = [
        (await edge.post("/things/A-1/verb", json=body, headers=headers)).json()
        for body in (GOOD, dict(reversed(GOOD.items())), {**GOOD, "qty": "6"})
    ]
    assert once == again
    assert once["key"] == other["key"]
    assert once["digest"] != other["digest"]


async def test_admin_holds_every_role(edge, signer):
    reply = await edge.post("/things", json=GOOD, headers=signer.headers(Role.ADMIN))
    assert reply.status_code == 201


def tokens(signer):
    claims = signer.claims(Role.PLANNER)
    good = signer.sign(claims)
    head, body, signature = good.split(".")
    return {
        "none": None,
        "another scheme": "Basic dXNlcjpwYXNz",
        "no token": "Bearer",
        "not a token": "Bearer abc",
        "expired": "Bearer " + signer.sign({**claims, "iat": int(time.time()) - 900, "exp": int(time.time()) - 60}),
        "other audience": "Bearer " + signer.sign({**claims, "aud": "other"}),
        "changed": f"Bearer {head}.{body}x.{signature}",
        "unsigned": f"Bearer {head}.{body}.",
        "foreign key": "Bearer " + type(signer)().token(Role.ADMIN),
    }


async def test_a_token_that_is_not_good_is_answered_the_same_whatever_is_wrong(edge, signer):
    answers = []
    for sent in tokens(signer).values():
        reply = await edge.post("/things", json=GOOD, headers={} if sent is None else {"authorization": sent})
        answers.append((reply.status_code, reply.json()["code"], reply.json()["detail"]))
        assert reply.headers["www-authenticate"] == 'Bearer realm="takt"'
    assert set(answers) == {(401, "auth.unauthenticated", "A valid access token is needed.")}


async def test_the_owners_own_read_takes_its_token_at_once_and_refuses_a_foreign_one(edge, planner, edge_app):
    secret = edge_app.state.context.settings.consistency_secret.get_secret_value()
    token = seal(secret, "consistency", ["edge", "takt.edge.thing", "A-1", 3])
    known = await edge.get("/things/A-1", headers={**planner, HEADER: token})
    foreign = await edge.get("/things/A-1", headers={**planner, HEADER: token[:-2]})
    assert (known.status_code, foreign.status_code) == (200, 400)
    assert foreign.json()["code"] == "read.bad-consistency-token"


async def test_a_forwarded_endpoint_leaves_the_query_to_the_owner(edge, planner):
    reply = await edge.get("/passed-on/items?anything=1", headers={**planner, HEADER: "for the owner"})
    assert reply.json() == {"anything": "1"}


def operation(app: FastAPI, path: str, method: str):
    return app.openapi()["paths"][f"/api/v1{path}"][method]


def test_the_document_tells_who_may_call_and_with_which_headers(edge_app):
    patch = operation(edge_app, "/things/{code}", "patch")
    verb = operation(edge_app, "/things/{code}/verb", "post")
    assert (patch["security"], patch["x-roles"]) == ([{"bearer": []}], ["PLANNER"])
    assert operation(edge_app, "/open", "get")["security"] == []
    assert ("If-Match", True) in [(told["name"], told.get("required")) for told in patch["parameters"]]
    assert ("Idempotency-Key", True) in [(told["name"], told.get("required")) for told in verb["parameters"]]
    assert edge_app.openapi()["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


def test_the_document_names_every_status_and_only_problem_documents_for_refusals(edge_app):
    patch = operation(edge_app, "/things/{code}", "patch")
    refusals = {status: told for status, told in patch["responses"].items() if status >= "400"}
    assert {"400", "401", "403", "412", "413", "415", "422", "428", "500", "503"} <= set(refusals)
    assert {tuple(told["content"]) for told in refusals.values()} == {("application/problem+json",)}
    assert "HTTPValidationError" not in edge_app.openapi()["components"]["schemas"]
    assert "Problem" in edge_app.openapi()["components"]["schemas"]


async def test_a_path_may_need_fewer_roles_than_its_endpoint(edge, signer):
    operator, quality = signer.headers(Role.OPERATOR), signer.headers(Role.QUALITY)
    refused = await edge.get("/boards/quality", headers=operator)

    assert (refused.status_code, refused.json()["roles"]) == (403, ["QUALITY"])
    assert (await edge.get("/boards/quality", headers=quality)).status_code == 200
    assert (await edge.get("/boards/any", headers=operator)).status_code == 200
    assert (await edge.get("/boards/quality", headers=signer.headers(Role.ADMIN))).status_code == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [("/things", 401), ("/things/A-1", 401), ("/things/A-1/more", 404), ("/thing", 404)],
)
async def test_a_path_is_an_endpoints_as_a_whole_or_nobodys(edge, path, status):
    assert (await edge.post(path) if path == "/things" else await edge.get(path)).status_code == status
