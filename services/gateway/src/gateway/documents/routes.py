"""The merged API document and its page, the log's document and its page."""

from functools import cache

from fastapi import Request, Response
from fastapi.responses import HTMLResponse

from gateway.documents import asyncapi
from gateway.documents.shelf import Shelf
from gateway.pages import page
from plantkit.context import Context
from plantkit.http.route import Routes, public

JSON = "application/json"

router = Routes(tags=["documents"])


@router.get("/openapi.json", response_class=Response)
@public
async def openapi(request: Request) -> Response:
    """Every operation of every service in one OpenAPI 3.1 document."""
    shelf: Shelf = request.app.state.shelf
    printed = await shelf.printed()
    if request.headers.get("if-none-match") == printed.etag:
        return Response(status_code=304, headers={"etag": printed.etag})
    return Response(printed.body, media_type=JSON, headers={"etag": printed.etag, "cache-control": "no-cache"})


@router.get("/docs", response_class=HTMLResponse)
@public
async def docs(request: Request) -> HTMLResponse:
    """The API document as a page on which every operation can be tried, with a sign-in button."""
    return page("docs.html", plant=_plant(request), here="/docs")


@router.get("/asyncapi", response_class=HTMLResponse)
@public
async def events(request: Request) -> Response:
    """Topics and events as a page; as JSON for who accepts `application/json` and not HTML."""
    accepted = request.headers.get("accept", "")
    if JSON in accepted and "text/html" not in accepted:
        return _asyncapi_json()
    return page("asyncapi.html", plant=_plant(request), here="/asyncapi", topics=_topics())


@router.get("/asyncapi.json", response_class=Response)
@public
async def events_json() -> Response:
    """The AsyncAPI 3 document of the log."""
    return _asyncapi_json()


def _asyncapi_json() -> Response:
    return Response(_asyncapi_body(), media_type=JSON, headers={"cache-control": "no-cache"})


@cache
def _asyncapi_body() -> bytes:
    return asyncapi.body()


@cache
def _topics() -> list[asyncapi.TopicView]:
    return asyncapi.topic_views()


def _plant(request: Request) -> str:
    context: Context = request.app.state.context
    return context.settings.plant
