"""One shape for every refusal, and nothing of the inside in any of them."""

import httpx
import pytest

from libs.plantkit.tests.http.conftest import NO_DATABASE, context_for, edge_of
from plantkit.audit import Refusals
from plantkit.errors import Kind
from plantkit.http.problems import MEDIA_TYPE, STATUS
from takt_contracts.problem import Problem
from takt_contracts.roles import Role


@pytest.mark.parametrize("path", ["/away", "/broken", "/nowhere", "/things/A-1"])
async def test_every_refusal_is_a_problem_document(edge, path):
    reply = await edge.get(path)
    document = Problem.model_validate(reply.json())
    assert reply.headers["content-type"] == MEDIA_TYPE
    assert document.status == reply.status_code >= 400
    assert (document.type, len(document.trace_id or "")) == (f"urn:takt:problem:{document.code}", 32)


async def test_an_unexpected_failure_tells_nothing_but_its_trace_id(edge):
    reply = await edge.get("/broken", headers={"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"})
    assert (reply.status_code, reply.json()["code"], reply.json()["trace_id"]) == (500, "internal", "ab" * 16)
    assert "swordfish" not in reply.text
    assert "ZeroDivision" not in reply.text


async def test_what_is_away_says_when_to_come_back(edge):
    reply = await edge.get("/away")
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "3")


async def test_a_session_that_ends_under_a_read_is_no_failure_of_ours(edge):
    reply = await edge.get("/cut-off")
    assert (reply.status_code, reply.json()["code"]) == (503, "service.unavailable")
    assert "state 12" not in reply.text


async def test_a_read_that_takes_too_long_is_no_failure_of_ours(edge):
    reply = await edge.get("/too-slow")
    assert (reply.status_code, reply.json()["code"]) == (503, "service.busy")
    assert "statement" not in reply.text


async def test_an_unknown_path_is_not_found(edge):
    reply = await edge.get("/nowhere")
    assert (reply.status_code, reply.json()["code"]) == (404, "request.no-such-path")


def test_every_kind_has_its_status():
    assert set(STATUS) == set(Kind)
    assert len(set(STATUS.values())) == len(Kind)


async def test_what_cannot_be_recorded_as_refused_is_not_answered_as_refused(signer):
    transport = httpx.ASGITransport(edge_of(context_for(NO_DATABASE, Refusals), signer))
    async with httpx.AsyncClient(transport=transport, base_url="http://takt/api/v1") as edge:
        reply = await edge.post("/things", json={}, headers=signer.headers(Role.VIEWER))

    assert (reply.status_code, reply.json()["code"]) == (503, "service.unavailable")
    assert "retry-after" in reply.headers
