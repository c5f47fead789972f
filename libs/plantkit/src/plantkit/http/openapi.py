"""What the document says of callers, headers and refusals, from the same declarations that enforce them."""

from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import FastAPI

from plantkit import errors as kit
from plantkit.errors import DomainError
from plantkit.http import errors as edge
from plantkit.http.policy import WRITES, Policy
from plantkit.http.problems import CODES, Responses, problems, response
from takt_contracts.problem import Problem

_SCHEME = "bearer"
_FOREIGN = "HTTPValidationError"
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    "description": "Fresh for each command, the same when it is repeated; the repeat gets the stored answer.",
}
MATCH_HEADER = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "schema": {"type": "string", "pattern": '^"[!#-~]*"$', "examples": ['"7"']},
    "description": "The ETag of the state that this change is based on.",
}


def described(policy: Policy, methods: Iterable[str], extra: Mapping[str, Any] | None) -> dict[str, Any]:
    """The operation's security, roles and headers."""
    told: dict[str, Any] = dict(extra or {})
    told["security"] = [] if policy.public else [{_SCHEME: []}]
    if policy.roles:
        told["x-roles"] = sorted(policy.roles)
    headers = list(told.get("parameters", ()))
    if policy.keyed or (not policy.public and "POST" in methods):
        headers.append({**_KEY, "required": policy.keyed})
    if policy.matched:
        headers.append(MATCH_HEADER)
    if headers:
        told["parameters"] = headers
    return told


def refusals(policy: Policy, methods: Iterable[str], *, body: bool, own: Responses | None) -> Responses:
    """What the order of checks answers, beside what the endpoint says itself."""
    return _merged(problems(*_edge_errors(policy, frozenset(methods), body)), own or {})


def _edge_errors(policy: Policy, methods: frozenset[str], body: bool) -> list[type[DomainError]]:
    found: list[type[DomainError]] = [
        kit.Malformed,
        edge.UnknownQueryName,
        edge.BadQueryValue,
        edge.Internal,
        kit.Unavailable,
    ]
    if not policy.public:
        found += [kit.Unauthenticated, kit.Forbidden]
    if body:
        found += [edge.MalformedJson, edge.TooLarge, edge.UnsupportedMediaType, kit.Invalid, edge.Unstorable]
    if policy.matched:
        found += [edge.BadIfMatch, kit.PreconditionRequired, kit.Stale]
    if policy.keyed:
        found += [kit.IdempotencyKeyMissing]
    if methods & WRITES and not policy.public:
        found += [edge.BadIdempotencyKey, kit.IdempotencyKeyReused, kit.IdempotencyInProgress]
    return found


def _merged(edges: Responses, own: Responses) -> Responses:
    merged = {**edges, **own}
    for status in edges.keys() & own.keys():
        if CODES in own[status]:
            merged[status] = response(status, [*edges[status][CODES], *own[status][CODES]])
    return merged


def install(app: FastAPI) -> None:
    """Put the problem document and the bearer scheme into the application's document."""
    generated = app.openapi

    def openapi() -> dict[str, Any]:
        document = generated()
        components = document.setdefault("components", {})
        components.setdefault("securitySchemes", {})[_SCHEME] = {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
        }
        components.setdefault("schemas", {}).update(_problem_schemas())
        _drop_default_refusals(document)
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI documents this as the way to extend the document


def _drop_default_refusals(document: dict[str, Any]) -> None:
    """The framework's own shape of a 422, which nothing here answers with."""
    for operations in document.get("paths", {}).values():
        for told in operations.values():
            if isinstance(told, dict) and _FOREIGN in str(told.get("responses", {}).get("422")):
                del told["responses"]["422"]
    for name in (_FOREIGN, "ValidationError"):
        document["components"]["schemas"].pop(name, None)


def _problem_schemas() -> dict[str, Any]:
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
    return {**schema.pop("$defs", {}), "Problem": schema}
