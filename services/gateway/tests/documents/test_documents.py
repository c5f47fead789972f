"""The merged document and the pages about it, with real owners, one of them down."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from gateway.documents.shelf import FRESH_S, Shelf
from plantkit.testing.serving import serving

pytestmark = pytest.mark.db


async def tiny(scope, receive, send):
    """An owner with one public and one guarded operation."""
    answer = {
        "200": {
            "description": "Yes",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Page"}}},
        }
    }
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Takt operations", "version": "1"},
        "paths": {
            "/api/v1/items": {"get": {"operationId": "list_items", "responses": answer, "security": [{"bearer": []}]}},
            "/api/v1/open": {"get": {"operationId": "me_api_v1_me_get", "responses": answer, "security": []}},
            "/health": {"get": {"responses": answer}},
        },
        "components": {"schemas": {"Page": {"type": "string"}}},
    }
    body = json.dumps(document).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
async def more_settings() -> AsyncIterator[dict[str, object]]:
    async with serving(tiny) as url:
        yield {"operations_url": url}


@pytest.fixture(scope="module")
async def whole(anonymous):
    return (await anonymous.get("/openapi.json")).json()


def test_it_holds_what_the_gateway_and_the_owners_serve(whole):
    assert {"/api/v1/items", "/api/v1/auth/login", "/api/v1/events/stream", "/docs", "/health"} <= whole["paths"].keys()
    assert "/api/v1/health" not in whole["paths"]


def test_it_says_which_service_is_missing(whole):
    assert "The service records has not answered yet" in whole["info"]["description"]
    assert "The service operations" not in whole["info"]["description"]


async def test_a_service_that_answers_late_is_soon_shown():
    is_up = asyncio.Event()

    async def late(scope, receive, send):
        if is_up.is_set():
            await tiny(scope, receive, send)
        else:
            await send({"type": "http.response.start", "status": 503, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    async with serving(late) as url:
        shelf = Shelf({"operations": url}, "gateway", lambda: {"openapi": "3.1.0", "info": {}, "paths": {}}, "1")
        assert b"The service operations has not answered yet" in (await shelf.printed()).body
        is_up.set()
        async with asyncio.timeout(FRESH_S / 2):
            while b"/api/v1/items" not in (await shelf.printed()).body:  # noqa: ASYNC110 - it looks only when asked
                await asyncio.sleep(0.05)


PUBLIC = {
    "/docs", "/openapi.json", "/asyncapi", "/asyncapi.json", "/.well-known/jwks.json", "/api/v1/.well-known/jwks.json",
    "/api/v1/auth/login", "/api/v1/auth/token", "/api/v1/auth/refresh", "/api/v1/status", "/api/v1/open",
    "/health", "/health/live", "/health/ready", "/health/detailed", "/livez", "/readyz",
}  # fmt: skip


def test_exactly_the_public_operations_need_no_sign_in(whole):
    told = {
        path for path, item in whole["paths"].items() for operation in item.values() if operation.get("security") == []
    }

    assert told == PUBLIC
    assert whole["security"]


def test_names_that_clash_are_kept_apart(whole):
    assert whole["components"]["schemas"]["OperationsPage"] == {"type": "string"}
    assert whole["components"]["schemas"]["Page"]["type"] == "object"
    ids = [
        operation["operationId"]
        for item in whole["paths"].values()
        for operation in item.values()
        if "operationId" in operation
    ]
    assert len(ids) == len(set(ids))


def test_every_reference_leads_somewhere(whole):
    text = json.dumps(whole)
    names = {part.split('"')[0] for part in text.split('"$ref": "#/components/schemas/')[1:]}

    assert names <= whole["components"]["schemas"].keys()


async def test_a_document_that_one_has_is_not_sent_again(anonymous):
    first = await anonymous.get("/openapi.json")
    again = await anonymous.get("/openapi.json", headers={"if-none-match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", ["/", "/docs", "/asyncapi"])
async def test_a_page_runs_no_script_but_its_own(anonymous, path):
    answer = await anonymous.get(path, headers={"accept": "text/html"})
    policy = answer.headers["content-security-policy"]

    assert answer.status_code == 200
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "<script>" not in answer.text
    assert " style=" not in answer.text
    assert "http://" not in answer.text.replace("http://...", "")
    assert "https://" not in answer.text


@pytest.mark.parametrize(
    "name",
    [
        "takt.css",
        "home.js",
        "session.js",
        "stream.js",
        "docs.js",
        "docs.css",
        "mark.svg",
        "swagger/swagger-ui-bundle.js",
    ],
)
async def test_the_pages_files_are_served_from_here(anonymous, name):
    answer = await anonymous.get(f"/assets/{name}")

    assert answer.status_code == 200
    assert answer.headers["cache-control"].startswith("public")
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/assets/../app.py", "/assets/%2e%2e/app.py", "/assets/nothing.js", "/assets/"])
async def test_nothing_else_is_served_from_there(anonymous, path):
    answer = await anonymous.get(path)

    assert (answer.status_code, answer.json()["code"]) == (404, "request.no-such-path")


async def test_the_events_document_is_json_for_machines_and_a_page_for_people(anonymous):
    document = (await anonymous.get("/asyncapi", headers={"accept": "application/json"})).json()
    page = (await anonymous.get("/asyncapi", headers={"accept": "text/html,*/*"})).text

    assert document == (await anonymous.get("/asyncapi.json")).json()
    assert document["asyncapi"].startswith("3.")
    for topic, channel in document["channels"].items():
        assert f'id="{topic}"' in page
        assert all(f'id="{type_}"' in page for type_ in channel["messages"])
