"""Requests that can be read but must not be carried out: preconditions, keys, conflicts, references, the archive."""

import httpx
import pytest

from takt_contracts.roles import Role
from tests.e2e.evidence import Refusing
from tests.e2e.plant import API, Plant, code, keyed, planted
from tests.e2e.stack import Stack, until

pytestmark = pytest.mark.broker
MATCHES = {
    "missing": (None, 428, "resource.precondition-required"),
    "stale": ('"99"', 412, "resource.stale"),
    "of the future, zero": ('"0"', 412, "resource.stale"),
    "not a version": ('"x"', 412, "resource.stale"),
    "padded": ('"01"', 412, "resource.stale"),
    "2^63": ('"9223372036854775808"', 412, "resource.stale"),
    "weak": ('W/"1"', 400, "request.bad-if-match"),
    "any": ("*", 400, "request.bad-if-match"),
    "without quotes": ("1", 400, "request.bad-if-match"),
    "half a quote": ('"1', 400, "request.bad-if-match"),
    "a list": ('"1", "2"', 400, "request.bad-if-match"),
    "empty": ("", 400, "request.bad-if-match"),
}
KEYS = {
    "missing": (None, "idempotency.key-missing"),
    "empty": ("", "idempotency.bad-key"),
    "blank inside": ("a b", "idempotency.bad-key"),
    "256 long": ("x" * 256, "idempotency.bad-key"),
    "tab": ("a\tb", "idempotency.bad-key"),
    "not ascii": ("schlüssel", "idempotency.bad-key"),
}


@pytest.fixture(scope="module")
async def plant(door: httpx.AsyncClient, stack: Stack) -> Plant:
    return await planted(door, stack)


@pytest.fixture(scope="module")
def admin(stack: Stack) -> dict[str, str]:
    return stack.headers(Role.ADMIN)


@pytest.mark.parametrize("match", MATCHES)
@pytest.mark.parametrize(
    ("method", "body"), [("PATCH", {"name": "y"}), ("PUT", {"name": "y"}), ("DELETE", None), ("USER", {"name": "y"})]
)
async def test_a_change_names_the_version_it_is_based_on(
    refusing: Refusing,
    stack: Stack,
    plant: Plant,
    admin: dict[str, str],
    method: str,
    body: dict[str, str] | None,
    match: str,
) -> None:
    tag, status, expected = MATCHES[match]
    precondition = {} if tag is None else {"if-match": tag}
    path, caller = f"{API}/workplaces/{plant.idle}", plant.planner
    if method == "USER":
        method, path, caller = "PATCH", f"{API}/users/e2e-planner", admin
    if method == "PUT" and body is not None:
        body = {**body, "code": plant.idle}

    await refusing(method, path, status, expected, json=body, headers={**caller, **precondition})


async def test_restoring_checks_the_version_where_it_is_named(refusing: Refusing, plant: Plant) -> None:
    path = f"{API}/workplaces/{plant.idle}/restore"

    await refusing("POST", path, 412, "resource.stale", headers={**keyed(plant.planner), "if-match": '"99"'})
    await refusing("POST", path, 400, "request.bad-if-match", headers={**keyed(plant.planner), "if-match": "*"})


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("verb", ["start", "report", "finish"])
async def test_a_verb_needs_a_key_that_can_be_one(refusing: Refusing, plant: Plant, verb: str, name: str) -> None:
    key, expected = KEYS[name]
    headers: list[tuple[str, str | bytes]] = list(plant.planner.items())
    if key is not None:
        headers.append(("idempotency-key", key.encode()))

    await refusing("POST", f"{plant.operation}/{verb}", 400, expected, json={}, headers=dict(headers))


async def test_a_key_is_good_for_one_request_only(
    refusing: Refusing, plant: Plant, door: httpx.AsyncClient, stack: Stack
) -> None:
    headers = keyed(plant.planner)
    path = f"{plant.operation}/report"
    first = await door.post(path, json={"good": "1"}, headers=headers)
    assert first.status_code == 200

    async with refusing.nothing_written():
        again = await door.post(path, json={"good": "1"}, headers=headers)
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    for other, body in ((path, {"good": "2"}), (f"{plant.operation}/finish", {}), (path, {"good": "1", "rework": "0"})):
        await refusing("POST", other, 422, "idempotency.key-reused", json=body, headers=headers)
    await refusing(
        "POST",
        f"{API}/items",
        422,
        "idempotency.key-reused",
        headers=headers,
        json={"code": "x", "name": "x", "unit": "x"},
    )
    others = await door.post(
        path, json={"good": "1"}, headers={**stack.headers(Role.OPERATOR), **keyed({}, headers["idempotency-key"])}
    )
    assert "idempotent-replayed" not in others.headers, "a key belongs to its caller"


@pytest.mark.parametrize(
    ("moves", "verb", "body", "expected"),
    [
        ((), "report", {"good": "1"}, "operation.illegal-transition"),
        ((), "finish", {}, "operation.illegal-transition"),
        ((), "resume", {}, "operation.not-on-hold"),
        (("start",), "start", {}, "operation.illegal-transition"),
        (("start", "finish"), "start", {}, "operation.illegal-transition"),
        (("start", "finish"), "cancel", {"reason": "x"}, "operation.illegal-transition"),
        (("start", "finish"), "hold", {"kind": "own", "reason": "x"}, "operation.illegal-transition"),
        (("start", "hold"), "report", {"good": "1"}, "operation.on-hold"),
        (("start", "hold"), "finish", {}, "operation.on-hold"),
        (("start", "hold"), "hold", {"kind": "own", "reason": "x"}, "operation.on-hold"),
        (("hold",), "start", {}, "operation.on-hold"),
        (("cancel",), "start", {}, "operation.illegal-transition"),
        (("start",), "report", {"good": "100.000001"}, "operation.over-desired"),
        (("start",), "report", {"good": "60", "scrap": "41", "reason": "x"}, "operation.over-desired"),
    ],
)
async def test_a_move_that_is_not_open_is_a_conflict(
    refusing: Refusing, plant: Plant, moves: tuple[str, ...], verb: str, body: dict[str, str], expected: str
) -> None:
    bodies = {"hold": {"kind": "external", "reason": "no material"}, "cancel": {"reason": "given up"}}
    path = await plant.fresh_operation()
    for move in moves:
        await plant.act(move, path, **bodies.get(move, {}))
    if "finish" in moves:
        await until(lambda: is_proposed(plant, path), 30)

    await refusing("POST", f"{path}/{verb}", 409, expected, json=body, headers=keyed(plant.planner))


async def is_proposed(plant: Plant, path: str) -> bool:
    """Whether what follows from a finished order by itself, its transport, has been written."""
    order_no = path.split("/")[-2]
    found = await plant.client.get(f"{API}/transport-orders?order_no={order_no}", headers=plant.planner)
    return bool(found.json()["data"])


async def test_a_final_operation_is_not_planned_again(refusing: Refusing, plant: Plant) -> None:
    path = await plant.fresh_operation()
    last = await plant.act("cancel", path, reason="given up")

    headers = {**plant.planner, "if-match": last.headers["etag"]}
    await refusing("PATCH", path, 409, "operation.final", json={"qty_desired": "5"}, headers=headers)


async def test_a_reference_that_does_not_exist_is_named(refusing: Refusing, plant: Plant) -> None:
    fields = {
        "order_no": code("WO"),
        "operation_no": "0010",
        "workplace": plant.workplace,
        "item": plant.item,
        "qty_desired": "1",
    }
    for field, body, path in (
        ("workplace", {**fields, "workplace": "NOWHERE"}, "operations"),
        ("item", {**fields, "item": "NOTHING"}, "operations"),
        ("workplace", {"code": code("M"), "name": "x", "workplace": "NOWHERE"}, "machines"),
    ):
        answer = await refusing(
            "POST", f"{API}/{path}", 422, "resource.unknown-reference", json=body, headers=plant.planner
        )
        assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{field}"]
        assert body[field] in answer.text


async def test_a_natural_key_never_changes(refusing: Refusing, plant: Plant) -> None:
    idle = f"{API}/workplaces/{plant.idle}"
    match = {**plant.planner, "if-match": '"1"'}
    body = {"code": code("W"), "name": "x"}

    for method in ("PATCH", "PUT"):
        answer = await refusing(method, idle, 422, "resource.key-immutable", json=body, headers=match)
        assert [error["pointer"] for error in answer.json()["errors"]] == ["/code"]
    released = await plant.fresh_operation()
    await refusing("PATCH", released, 422, "resource.key-immutable", json={"operation_no": "0020"}, headers=match)


async def test_what_is_archived_is_gone_but_its_key_stays_taken(
    refusing: Refusing, plant: Plant, door: httpx.AsyncClient
) -> None:
    name = await plant.fresh_workplace()
    path, headers = f"{API}/workplaces/{name}", {**plant.planner, "if-match": '"1"'}
    assert (await door.delete(path, headers=headers)).status_code == 204

    await refusing("GET", path, 404, "resource.not-found", headers=plant.planner)
    await refusing("PATCH", path, 404, "resource.not-found", json={"name": "y"}, headers={**headers, "if-match": '"2"'})
    await refusing("DELETE", path, 404, "resource.not-found", headers={**headers, "if-match": '"2"'})
    taken = {"code": name, "name": "y"}
    await refusing("POST", f"{API}/workplaces", 409, "resource.already-exists", json=taken, headers=plant.planner)
    machine = {"code": code("M"), "name": "x", "workplace": name}
    await refusing("POST", f"{API}/machines", 422, "resource.unknown-reference", json=machine, headers=plant.planner)
    assert (await door.get(f"{path}?archived=true", headers=plant.planner)).json()["archived_at"]


async def test_what_is_used_is_not_archived_and_its_users_are_named(
    refusing: Refusing, stack: Stack, door: httpx.AsyncClient
) -> None:
    own = await planted(door, stack)  # of the shared plant an answer may name ten other users
    for path in (f"{API}/workplaces/{own.workplace}", f"{API}/items/{own.item}"):
        headers = {**own.planner, "if-match": (await door.get(path, headers=own.planner)).headers["etag"]}
        answer = await refusing("DELETE", path, 409, "resource.in-use", headers=headers)
        assert own.order in answer.text


async def test_the_last_administrator_stays_one(
    refusing: Refusing, door: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    path = f"{API}/users/admin"
    headers = {**admin, "if-match": (await door.get(path, headers=admin)).headers["etag"]}

    for body in ({"roles": ["VIEWER"]}, {"active": False}):
        await refusing("PATCH", path, 409, "user.last-administrator", json=body, headers=headers)


@pytest.mark.parametrize("password", ["short", "password1234", "e2e-new-user-2026", "x" * 200])
async def test_a_weak_password_is_refused_and_not_repeated(
    refusing: Refusing, admin: dict[str, str], password: str
) -> None:
    body = {"username": "e2e-new-user", "name": "x", "password": password, "roles": ["VIEWER"]}

    answer = await refusing("POST", f"{API}/users", 422, "user.weak-password", json=body, headers=admin)

    assert password not in answer.text


@pytest.mark.parametrize("key", ["WO%2F1", "..", "%2e%2e", "a;b=c", "%00", "a%5Cb", "%c3%28", "x" * 41, "%20a"])
async def test_a_key_that_is_none_is_nothing(refusing: Refusing, plant: Plant, key: str) -> None:
    async def ask(status: int, expected: str) -> None:
        await refusing("GET", f"{API}/workplaces/{key}", status, expected, headers=plant.planner)

    ambiguous = {"WO%2F1", "..", "%2e%2e", "a;b=c", "%00", "a%5Cb"}
    await ask(404, "request.no-such-path" if key in ambiguous else "resource.not-found")
