"""The merged document is valid and true: what the gateway answers to anything is what the document says."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from jsonschema import Draft202012Validator

from takt_contracts.roles import Role
from tests.e2e.plant import API, Plant, code, keyed, planted
from tests.e2e.stack import Stack, until

pytestmark = pytest.mark.broker
ROOT: Final = Path(__file__).parents[2]
METHODS: Final = ("get", "put", "post", "delete", "patch")
AT_THE_ROOT: Final = {"/openapi.json", "/docs", "/asyncapi", "/asyncapi.json", "/.well-known/jwks.json"}
HEALTH: Final = {"/health", "/health/live", "/health/ready", "/health/detailed", "/livez", "/readyz"}
PUBLIC: Final = AT_THE_ROOT | HEALTH | {
    f"{API}/auth/login", f"{API}/auth/token", f"{API}/auth/refresh", f"{API}/.well-known/jwks.json", f"{API}/status",
}  # fmt: skip
ENDLESS_OR_FINAL: Final = (f"{API}/events/stream", f"{API}/auth/logout")
CHECKS: Final = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
    "response_headers_conformance", "unsupported_method", "allow_header_conformance", "ignored_auth",
)  # fmt: skip


@pytest.fixture(scope="module")
async def plant(door: httpx.AsyncClient, stack: Stack) -> Plant:
    return await planted(door, stack)


@pytest.fixture(scope="module")
async def document(door: httpx.AsyncClient) -> dict[str, Any]:
    """Of all services: a busy machine may let one answer too late for the first look."""
    found: dict[str, Any] = {}

    async def is_whole() -> bool:
        found.update((await door.get("/openapi.json")).json())
        return "**The service" not in found["info"]["description"]

    await until(is_whole, 30)
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        assert set(item) <= set(METHODS), f"{path} has {set(item)}"
        for method, operation in item.items():
            yield method, path, operation


def parts(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in it."""
    if isinstance(value, dict):
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from parts(child)


def test_the_document_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert re.fullmatch(r"3\.1\.\d", document["openapi"])
    assert {"title", "version"} <= set(document["info"])
    assert set(document["components"]["securitySchemes"]) == {"bearer", "password"}
    for path in document["paths"]:
        assert path in AT_THE_ROOT | HEALTH or path.startswith(f"{API}/"), path


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for part in parts(document):
        target: Any = document
        for step in str(part.get("$ref", "#")).split("/")[1:]:
            target = target[step.replace("~1", "/").replace("~0", "~")]


def test_every_schema_is_one_and_its_examples_obey_it(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        whole = {**schema, "components": document["components"]}
        for field, part in schema.get("properties", {}).items():
            for example in part.get("examples", ()):
                found = list(Draft202012Validator({**part, "components": document["components"]}).iter_errors(example))
                assert not found, f"{name}.{field}: {found[0].message}"
        for example in schema.get("examples", ()):
            assert Draft202012Validator(whole).is_valid(example), name


def test_operations_have_names_of_their_own(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]

    assert len(set(names)) == len(names)


def test_all_but_the_listed_operations_need_a_token(document: dict[str, Any]) -> None:
    assert sorted(name for way in document["security"] for name in way) == ["bearer", "password"]
    public = {path for _, path, operation in operations(document) if operation.get("security") == []}
    assert public == PUBLIC
    assert all(operation.get("security") in (None, []) for _, _, operation in operations(document))


def test_path_parameters_are_declared(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        declared = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"]
        assert sorted(declared) == sorted(re.findall(r"{(\w+)}", path)), (method, path)
        assert all(one["required"] for one in operation.get("parameters", ()) if one["in"] == "path")


def test_every_refusal_is_a_problem_with_its_codes(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        for status, answer in operation["responses"].items():
            if not re.fullmatch("[45]..", status) or path in HEALTH:
                continue
            assert list(answer["content"]) == ["application/problem+json"], (method, path, status)
            assert answer["content"]["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}
            assert answer["x-codes"], (method, path, status)


def test_writes_say_what_the_order_of_checks_answers(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        found = set(operation["responses"])
        if path not in PUBLIC:
            assert {"400", "401", "403", "500", "503"} <= found, (method, path)
        if "requestBody" in operation:
            assert {"400", "413", "415", "422"} <= found, (method, path)
        if method in ("put", "patch", "delete"):
            assert {"404", "412", "428"} <= found, (method, path)
            [match] = [one for one in operation["parameters"] if one["name"] == "If-Match"]
            assert match["required"]


def test_answers_document_the_headers_that_clients_need(document: dict[str, Any]) -> None:
    item = document["paths"][f"{API}/workplaces/{{code}}"]
    made = document["paths"][f"{API}/workplaces"]["post"]["responses"]["201"]["headers"]

    assert set(made) == {"ETag", "Takt-Consistency", "Idempotent-Replayed", "Location"}
    assert set(item["get"]["responses"]["200"]["headers"]) == {"ETag"}
    for status, header in (("401", "WWW-Authenticate"), ("503", "Retry-After")):
        assert set(item["patch"]["responses"][status]["headers"]) == {header}


@pytest.fixture
async def known(stack: Stack, plant: Plant) -> dict[str, list[dict[str, str]]]:
    """Path parameters of things in many states; a user that nobody signs in as."""
    username = code("target")
    stack.add_user(username, Role.VIEWER)
    moves: tuple[tuple[str, ...], ...] = ((), ("start",), ("start", "report"), ("start", "hold"), ("start", "finish"))
    bodies = {"report": {"good": "1"}, "hold": {"kind": "own", "reason": "tool"}}
    orders = [plant.order]
    for verbs in moves:
        path = await plant.fresh_operation()
        orders.append(path.split("/")[-2])
        for verb in verbs:
            await plant.act(verb, path, **bodies.get(verb, {}))
    workplaces = [plant.workplace, plant.idle, await plant.fresh_workplace()]
    return {
        f"{API}/workplaces": [{"code": one} for one in workplaces],
        f"{API}/items": [{"code": plant.item}],
        f"{API}/operations": [{"order_no": one, "operation_no": "0010"} for one in orders],
        f"{API}/users": [{"username": username}],
        **await known_records(stack, plant.client),
    }


async def known_records(stack: Stack, client: httpx.AsyncClient) -> dict[str, list[dict[str, str]]]:
    """A record type whose schema takes anything, and records of it: one new, one revised, one deleted."""
    name, admin = code("T"), stack.headers(Role.ADMIN)
    kind = {"name": name, "title": "Anything", "content_schema": {"type": "object"}, "creators": ["ADMIN"]}
    assert (await client.post(f"{API}/record-types", json=kind, headers=admin)).status_code == 201
    ids: list[str] = []
    for method in ("", "PUT", "DELETE"):
        made = await client.post(f"{API}/records", json={"record_type": name, "content": {}}, headers=keyed(admin))
        ids.append(made.json()["id"])
        if method:
            body = {"content": {"a": 1}} if method == "PUT" else None
            path, headers = f"{API}/records/{ids[-1]}", {**admin, "if-match": '"1"'}
            assert (await client.request(method, path, headers=headers, json=body)).is_success
    versions = [{"record_id": one, "version": number} for one in ids for number in ("1", "2")]
    return {
        f"{API}/records": [{"record_id": one} for one in ids] + versions,
        f"{API}/record-types": [{"name": name}, {"name": name, "schema_version": "1"}],
    }


def fuzz(stack: Stack, folder: Path, known: dict[str, Any], *options: str) -> str:
    """What schemathesis prints when it has nothing to complain of."""
    fuzzer = code("fuzzer")
    stack.add_user(fuzzer, Role.ADMIN)
    token = stack.sign_in(fuzzer)["access_token"]
    excluded = [word for path in ENDLESS_OR_FINAL for word in ("--exclude-path", path)]
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "run", f"{stack.gateway}/openapi.json", "--no-color",
        "-H", f"Authorization: Bearer {token}", "--checks", ",".join(CHECKS), "--warnings", "off",
        "--generation-database", "none", "--suppress-health-check", "all", *excluded, *options,
    ]  # fmt: skip
    hooks = {"SCHEMATHESIS_HOOKS": str(Path(__file__).with_name("known_keys.py")), "TAKT_KNOWN": json.dumps(known)}
    hooks["TAKT_TOKEN"] = token
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **hooks}, capture_output=True, text=True, timeout=580, check=False
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-5000:]
    return done.stdout


@pytest.mark.long
def test_answers_to_generated_requests_are_as_documented(
    stack: Stack, known: dict[str, list[dict[str, str]]], tmp_path: Path
) -> None:
    options = ("--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "40", "--max-time", "210")
    printed = fuzz(stack, tmp_path, known, *options, "--seed", "2")

    assert re.search(r"(\d+) generated, \1 passed", printed), printed[-2000:]
