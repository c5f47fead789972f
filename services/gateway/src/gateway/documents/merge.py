"""Several services' OpenAPI documents as one. Pure: dictionaries in, a dictionary out."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

Document = Mapping[str, Any]

PREFIX = "/api/v1/"
METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
BEARER, PASSWORD = "bearer", "password"

SECURITY_SCHEMES = {
    PASSWORD: {
        "type": "oauth2",
        "description": "Sign in with your user name and password.",
        "flows": {"password": {"tokenUrl": "/api/v1/auth/token", "refreshUrl": "/api/v1/auth/token", "scopes": {}}},
    },
    BEARER: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "Or paste the `access_token` of `POST /api/v1/auth/login`.",
    },
}


def merged(info: Document, documents: Mapping[str, Document], *, own: str) -> dict[str, Any]:
    """One document of all services. Of `own` everything is kept; of the others what is below `/api/v1`, without health.

    A schema name that two services use differently gets the service's name in front; equal ones stay one.
    """
    paths: dict[str, Any] = {}
    components: dict[str, dict[str, Any]] = {}
    for service, document in documents.items():
        renames = _renames(components, document.get("components", {}), service)
        for path, item in _public_paths(document, service == own):
            paths.setdefault(path, _operations(_renamed(item, renames), paths, service))
        _add_components(components, document.get("components", {}), renames)
    return {
        "openapi": "3.1.0",
        "info": dict(info),
        "security": [{PASSWORD: []}, {BEARER: []}],
        "tags": _tags(paths),
        "paths": dict(sorted(paths.items())),
        "components": {
            **{kind: dict(sorted(found.items())) for kind, found in sorted(components.items())},
            "securitySchemes": dict(SECURITY_SCHEMES),
        },
    }


def _public_paths(document: Document, everything: bool) -> Iterator[tuple[str, Any]]:
    for path, item in document.get("paths", {}).items():
        if everything or (path.startswith(PREFIX) and not path.startswith(PREFIX + "health")):
            yield path, item


def _operations(item: Document, paths: Mapping[str, Any], service: str) -> dict[str, Any]:
    """The path's operations with ids that are unique in the whole and security only where it differs from the whole."""
    taken = {operation["operationId"] for path in paths.values() for operation in _of(path)}
    told = dict(item)
    for method in METHODS & item.keys():
        operation = dict(item[method])
        if operation.get("security"):
            del operation["security"]
        if operation.setdefault("operationId", _id(method, service)) in taken:
            operation["operationId"] = f"{service}_{operation['operationId']}"
        told[method] = operation
    return told


def _of(item: Document) -> list[Any]:
    return [item[method] for method in METHODS & item.keys()]


def _id(method: str, service: str) -> str:
    return f"{service}_{method}"


def _tags(paths: Mapping[str, Any]) -> list[dict[str, str]]:
    names = {tag for item in paths.values() for operation in _of(item) for tag in operation.get("tags", ())}
    return [{"name": name} for name in sorted(names)]


def _renames(components: Mapping[str, Mapping[str, Any]], added: Document, service: str) -> dict[str, str]:
    """Reference -> reference for the names that already mean something else, until nothing more clashes."""
    renames: dict[str, str] = {}
    while True:
        clashing = {
            f"#/components/{kind}/{name}": f"#/components/{kind}/{_prefixed(service, name)}"
            for kind, found in added.items()
            if kind != "securitySchemes"
            for name, body in found.items()
            if _means_else(components.get(kind, {}), name, _renamed(body, renames))
        }
        if clashing.keys() <= renames.keys():
            return renames
        renames |= clashing


def _means_else(known: Mapping[str, Any], name: str, body: Any) -> bool:
    return name in known and known[name] != body


def _prefixed(service: str, name: str) -> str:
    return service.capitalize() + re.sub(r"[^A-Za-z0-9._-]", "_", name)


def _add_components(components: dict[str, dict[str, Any]], added: Document, renames: Mapping[str, str]) -> None:
    for kind, found in added.items():
        if kind == "securitySchemes":
            continue
        for name, body in found.items():
            told = renames.get(f"#/components/{kind}/{name}", f"/{name}").rsplit("/", 1)[-1]
            components.setdefault(kind, {})[told] = _renamed(body, renames)


def _renamed(part: Any, renames: Mapping[str, str]) -> Any:
    """The same with every reference followed through `renames`, discriminator mappings included."""
    if not renames:
        return part
    if isinstance(part, Mapping):
        return {key: _renamed(value, renames) for key, value in part.items()}
    if isinstance(part, list):
        return [_renamed(value, renames) for value in part]
    return renames.get(part, part) if isinstance(part, str) else part
