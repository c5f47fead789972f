"""Every refusal as one shape: RFC 9457 problem details with a stable code. The one table from kinds to statuses."""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from plantkit.db.engine import ENDED_SESSION, TOO_BUSY
from plantkit.errors import Busy, DomainError, Invalid, Kind, Malformed, Unavailable
from plantkit.http.answers import OF_REFUSALS
from plantkit.http.errors import Internal, MethodNotAllowed, NoSuchPath, TooLarge
from plantkit.http.json import pointer
from plantkit.observability import logs
from plantkit.observability.metrics import REFUSALS
from takt_contracts.problem import FieldError

MEDIA_TYPE = "application/problem+json"
CODES = "x-codes"
Responses = dict[int | str, dict[str, Any]]
STATUS: Mapping[Kind, HTTPStatus] = {
    Kind.MALFORMED: HTTPStatus.BAD_REQUEST,
    Kind.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    Kind.FORBIDDEN: HTTPStatus.FORBIDDEN,
    Kind.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Kind.NOT_ALLOWED: HTTPStatus.METHOD_NOT_ALLOWED,
    Kind.CONFLICT: HTTPStatus.CONFLICT,
    Kind.GONE: HTTPStatus.GONE,
    Kind.STALE: HTTPStatus.PRECONDITION_FAILED,
    Kind.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Kind.UNSUPPORTED: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Kind.INVALID: HTTPStatus.UNPROCESSABLE_ENTITY,
    Kind.PRECONDITION_REQUIRED: HTTPStatus.PRECONDITION_REQUIRED,
    Kind.LIMITED: HTTPStatus.TOO_MANY_REQUESTS,
    Kind.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    Kind.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
}
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_TOLD = frozenset(
    {
        Kind.UNAUTHENTICATED,
        Kind.FORBIDDEN,
        Kind.CONFLICT,
        Kind.STALE,
        Kind.INVALID,
        Kind.PRECONDITION_REQUIRED,
    }
)
_FIELD_CODES: Mapping[str, str] = {
    "missing": "field.missing",
    "extra_forbidden": "field.unknown",
    "int_from_float": "field.type",
    "int_parsing_size": "field.range",
}
_RANGE = ("greater_than", "less_than", "too_long", "too_short", "decimal_max", "decimal_whole", "multiple_of", "finite")
_AWAY = (*ENDED_SESSION, ConnectionError)
ANSWERED = (DomainError, *_AWAY, *TOO_BUSY)
"""Failures that a request may meet through no bug of ours; each has a document that says so."""
log = logs.get(__name__)


def install(app: FastAPI) -> None:
    """Answer every failure of this application as a problem document."""
    app.add_exception_handler(DomainError, _domain_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _framework_error)
    for lost in _AWAY:
        app.add_exception_handler(lost, _database_away)
    for busy in TOO_BUSY:
        app.add_exception_handler(busy, _database_busy)
    app.add_exception_handler(Exception, _unexpected)


def problems(*errors: type[DomainError]) -> Responses:
    """Refusals of an endpoint, for its `responses`: one entry per status, naming the codes."""
    codes: dict[int, list[str]] = {}
    for error in errors:
        codes.setdefault(int(STATUS[error.kind]), []).append(error.code)
    return {status: response(status, found) for status, found in codes.items()}


def response(status: int | str, codes: Iterable[str]) -> dict[str, Any]:
    named = sorted(set(codes))
    headers = OF_REFUSALS.get(int(status))
    return {
        **({} if headers is None else {"headers": headers}),
        "description": f"{HTTPStatus(int(status)).phrase}: {', '.join(f'`{code}`' for code in named)}",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        CODES: named,
    }


def problem(request: Request, error: DomainError, headers: Mapping[str, str] | None = None) -> Response:
    """The document that answers an error. Its values ride along as members of their own."""
    status = STATUS[error.kind]
    REFUSALS.labels(error.code).inc()
    document = {
        **_members(error.values),
        "type": f"urn:takt:problem:{error.code}",
        "title": status.phrase,
        "status": int(status),
        "code": error.code,
        "detail": error.detail,
        "instance": request.scope["raw_path"].decode("ascii", "replace"),  # a URI reference, so as it was sent
        "trace_id": trace_id(request),
        "errors": [found.model_dump() for found in error.errors],
    }
    body = orjson.dumps(document, default=str)
    return Response(body, int(status), {**_headers(error), **(headers or {})}, media_type=MEDIA_TYPE)


def trace_id(request: Request) -> str | None:
    origin = getattr(request.state, "origin", None)
    return None if origin is None or origin.traceparent is None else str(origin.traceparent.split("-")[1])


def invalid(errors: Sequence[Mapping[str, Any]]) -> Invalid:
    """What the validation of a body found, with a pointer to each field."""
    found = [_field_error(error, tuple(error["loc"][1:])) for error in errors]
    return Invalid("The body breaks the rules named in `errors`.", errors=found)


def malformed(errors: Sequence[Mapping[str, Any]]) -> Malformed:
    """What the validation of a path, a query or headers found."""
    found = [_field_error(error, tuple(error["loc"])) for error in errors]
    names = ", ".join(str(error["loc"][-1]) for error in errors)
    return Malformed(f"These parts of the request cannot be read: {names}.", errors=found)


def _field_error(error: Mapping[str, Any], path: tuple[str | int, ...]) -> FieldError:
    return FieldError(pointer=pointer(*path), code=_field_code(str(error["type"])), detail=str(error["msg"]))


def _field_code(found: str) -> str:
    """pydantic has a hundred types of error; clients get five codes."""
    if found in _FIELD_CODES:
        return _FIELD_CODES[found]
    if found.endswith(("_type", "_parsing")):
        return "field.type"
    is_range = found.startswith(_RANGE) or found.endswith(("_range", "_too_long", "_too_short"))
    return "field.range" if is_range else "field.value"


def _members(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


def _headers(error: DomainError) -> dict[str, str]:
    if error.kind is Kind.UNAUTHENTICATED:
        return {"www-authenticate": 'Bearer realm="takt"'}
    if error.kind in (Kind.LIMITED, Kind.UNAVAILABLE):
        return {"retry-after": str(error.values.get("retry_after_s", 1))}
    return {}


def _is_told(request: Request, error: DomainError) -> bool:
    """Whether the audit log tells of this refusal: writes that were understood, and not for lack of the thing; and
    what says of itself that it is always told, as a read of a health record by somebody without the right."""
    return error.always_told or (request.method in _WRITES and error.kind in _TOLD)


async def _domain_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, DomainError)
    return problem(request, await _told(request, error) if _is_told(request, error) else error)


async def _told(request: Request, error: DomainError) -> DomainError:
    """The refusal, once it is recorded; else that it could not be."""
    try:
        await request.app.state.context.refusals.tell(request, error)
    except Unavailable as unavailable:
        return unavailable
    return error


async def _invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return await _domain_error(request, refusal_of(error))


def refusal_of(error: RequestValidationError) -> DomainError:
    """400 for what is wrong outside the body, else 422."""
    found = error.errors()
    outside = [one for one in found if one["loc"][0] != "body"]
    return malformed(outside) if outside else invalid(found)


async def _framework_error(request: Request, error: Exception) -> Response:
    """What the router or the framework itself refuses."""
    assert isinstance(error, HTTPException)
    return problem(request, _as_domain_error(request, error), error.headers)


def _as_domain_error(request: Request, error: HTTPException) -> DomainError:
    match error.status_code:
        case 404:
            return NoSuchPath("There is nothing at this path.")
        case 405:
            return MethodNotAllowed(f"{request.method} is not a method of this path.")
        case 413:
            return TooLarge("The body is too large.")
        case _:
            return Malformed("The request cannot be read.")


async def _database_away(request: Request, error: Exception) -> Response:
    """A session that ended under a read; what ended under a command, the runner has told already."""
    log.warning("http.database_away", error=type(error).__name__)
    return problem(request, Unavailable("The database went away in the middle of it."))


async def _database_busy(request: Request, error: Exception) -> Response:
    """A read that waited for too long; of a command the runner tells."""
    log.warning("http.database_busy", error=type(error).__name__)
    return problem(request, Busy("The database did not answer in time."))


async def _unexpected(request: Request, error: Exception) -> Response:
    """Nothing of the error leaves the process but its trace id."""
    log.error("http.failed", exc_info=error)
    return problem(request, Internal("Something failed inside; it is logged under this trace id."))
