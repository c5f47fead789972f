"""Orders to send parked records on that are refused: with a reason, and nothing is changed."""

from typing import Any

import asyncpg
import pytest
from typer.testing import CliRunner

from takt.cli import app
from takt_contracts.roles import Role
from tests.e2e.evidence import Refusing, left_behind
from tests.e2e.plant import API, keyed
from tests.e2e.stack import Stack

pytestmark = pytest.mark.broker
REDRIVE = f"{API}/parked/redrive"
NOBODYS = "01955720-2a3b-7c4d-9e5f-60718293a4b5"
BAD: dict[str, tuple[Any, int, str]] = {
    "an unknown id": ({"ids": [NOBODYS]}, 404, "resource.not-found"),
    "no id": ({"ids": ["17"]}, 422, "request.invalid"),
    "nothing": ({}, 422, "request.invalid"),
    "a filter without a service": ({"filter": {"key": "K"}}, 422, "request.invalid"),
    "a service that there is not": ({"filter": {"service": "moon"}}, 422, "request.invalid"),
    "a name that there is not": ({"filter": {"service": "imports", "colour": "red"}}, 422, "request.invalid"),
    "NUL": ({"filter": {"service": "imports", "key": "a\0"}}, 422, "request.unstorable-text"),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_order_changes_nothing(refusing: Refusing, stack: Stack, name: str) -> None:
    body, status, reason = BAD[name]
    await refusing("POST", REDRIVE, status, reason, headers=keyed(stack.headers(Role.ADMIN)), json=body)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
async def test_nobody_but_an_administrator_may(refusing: Refusing, stack: Stack, role: Role) -> None:
    headers = keyed(stack.headers(role))
    await refusing("POST", REDRIVE, 403, "auth.forbidden", headers=headers, json={"filter": {"service": "imports"}})
    await refusing(
        "POST", f"{API}/parked/{NOBODYS}/discard", 403, "auth.forbidden", headers=headers, json={"reason": "x"}
    )
    await refusing("GET", f"{API}/parked", 403, "auth.forbidden", headers=stack.headers(role))
    await refusing("GET", f"{API}/parked/{NOBODYS}", 403, "auth.forbidden", headers=stack.headers(role))


ORDERS: dict[str, tuple[tuple[str, ...], str]] = {
    "an unknown id": ((NOBODYS,), f"There is no parked record {NOBODYS}."),
    "no id": (("17",), "'17' is no id of a record"),
    "nothing": ((), "Name records by id or by --service"),
    "both": ((NOBODYS, "--group", "imports.files"), "either by id or by"),
    "a service that there is not": (("--service", "moon"), "/filter/service"),
    "two at once": ((NOBODYS, NOBODYS, "--discard", "noise"), "one record at a time"),
}


async def kept(tables: asyncpg.Connection) -> dict[str, Any]:
    """What an order may change. To sign in, as the command does, is a fact of the gateway's own."""
    found = await left_behind(tables)
    return {name: digest for name, digest in found.items() if name != "gateway.outbox"}


@pytest.mark.parametrize("name", ORDERS)
async def test_at_a_terminal_it_is_one_sentence(stack: Stack, tables: asyncpg.Connection, name: str) -> None:
    arguments, sentence = ORDERS[name]
    before = await kept(tables)
    done = CliRunner().invoke(app, ["redrive", *arguments, "--data", str(stack.data)])

    assert (done.exit_code, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("takt: ")
    assert sentence in line
    assert await kept(tables) == before


def test_without_a_stack_it_says_so() -> None:
    done = CliRunner().invoke(app, ["redrive", "--list", "--data", "/tmp/no stack of ours"])

    assert done.exit_code == 1
    assert "No stack runs on" in done.stderr
