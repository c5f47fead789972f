"""Who runs: our service, our service with its relay beside it, our gateway before it, and the peer."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_urlsafe
from tempfile import gettempdir
from typing import Any

import httpx
from joserfc.jwk import OKPKey

from bench.machine import Child, database_url, make_database, migrate_schemas, role_url, served
from takt.embedded.kafka import Kafka
from takt.embedded.ports import own_port
from takt.embedded.postgres import Postgres

TARGETS = 64  # operations that are reported on in turn: more than connections, so that few wait for a row
ORDERS = 1000  # orders that gain operations in turn: so many that each has no more than a plant's have
_ADMIN = {"username": "bench-admin", "password": token_urlsafe(18)}
PLAIN, _RELAYED = "takt", "takt_relayed"


@dataclass(frozen=True)
class Contestant:
    """A server and the database that it writes to. Without `door`, where one signs in, it asks for no token."""

    name: str
    server: Child
    database: str
    prefix: str = ""
    door: str = ""

    def headers(self) -> dict[str, str]:
        """A fresh token for each turn, because tokens are short-lived."""
        if not self.door:
            return {}
        answer = httpx.post(f"{self.door}/api/v1/auth/login", json=_ADMIN, trust_env=False)
        return {"authorization": f"Bearer {answer.raise_for_status().json()['access_token']}"}


@dataclass(frozen=True)
class Field:
    """All of them."""

    peer: Contestant
    lean: Contestant
    ours: Contestant
    relayed: Contestant
    gateway: Contestant


@dataclass(frozen=True)
class Stack:
    """What our processes are told. `kafka` is the bootstrap address; nobody asks it where only APIs run."""

    postgres: Postgres
    kafka: str
    operations_port: int
    gateway_port: int
    cursor_secret: str

    def settings(self, service: str, database: str, loops: str) -> dict[str, str]:
        given = {
            "MODE": "embedded",
            "PLANT": "bench",
            "DATABASE_URL": role_url(self.postgres, database, service, "app"),
            "KAFKA_BOOTSTRAP": self.kafka,
            "JWKS_URL": f"http://127.0.0.1:{self.gateway_port}/.well-known/jwks.json",
            "CURSOR_SECRET": self.cursor_secret,
            "CONSISTENCY_SECRET": self.cursor_secret,
            "LOOPS": loops,
        }
        return {f"TAKT_{service.upper()}_{name}": value for name, value in given.items()}

    def gateway_settings(self) -> dict[str, str]:
        key = OKPKey.generate_key("Ed25519", auto_kid=True)
        owner = f"http://127.0.0.1:{self.operations_port}"
        given = {
            "SIGNING_KEY": json.dumps(key.as_dict(private=True)),
            "OPERATIONS_URL": owner,
            "RECORDS_URL": owner,
            "IMPORTS_URL": owner,
            "STORAGE_URL": Path(gettempdir(), "takt-bench-objects").as_uri(),
            "ADMIN_USERNAME": _ADMIN["username"],
            "ADMIN_PASSWORD": _ADMIN["password"],
        }
        own = {f"TAKT_GATEWAY_{name}": value for name, value in given.items()}
        return self.settings("gateway", PLAIN, "api") | own


@contextmanager
def started(postgres: Postgres, kafka: Kafka) -> Iterator[Field]:
    """Make the databases, start everyone in a process each, and prepare what the loads need."""
    for name in (PLAIN, _RELAYED):
        make_database(postgres, name, "operations", "gateway")
        migrate_schemas(postgres, name, "operations", "gateway")
    make_database(postgres, "peer")
    told = Stack(postgres, kafka.bootstrap, own_port(), own_port(), token_urlsafe(32))
    with ExitStack() as stack:
        plain = stack.enter_context(operations(told, PLAIN, "api", told.operations_port))
        relayed = stack.enter_context(operations(told, _RELAYED, "api,relay,consumers", own_port()))
        front = stack.enter_context(gateway(told))
        peer = stack.enter_context(_peer(postgres))
        ours: dict[str, Any] = {"prefix": "/api/v1", "door": front.url}
        field = Field(
            peer=Contestant("peer", peer, "peer"),
            lean=Contestant("peer, past its manuals", peer, "peer", prefix="/lean"),
            ours=Contestant("ours", plain, PLAIN, **ours),
            relayed=Contestant("ours, relay in the process", relayed, _RELAYED, **ours),
            gateway=Contestant("ours, through the gateway", front, PLAIN, **ours),
        )
        for contestant in (field.peer, field.ours, field.relayed):
            _prepare(contestant)
        _prepare_orders(field.ours)
        yield field


def operations(told: Stack, database: str, loops: str, port: int) -> Any:
    name = "operations" if loops == "api" else "operations-relay"
    variables = told.settings("operations", database, loops) | {"TAKT_OPERATIONS_PORT": str(port)}
    return served(name, ["-m", "operations"], variables, port, "/livez")


def gateway(told: Stack) -> Any:
    variables = told.gateway_settings() | {"TAKT_GATEWAY_PORT": str(told.gateway_port)}
    return served("gateway", ["-m", "gateway"], variables, told.gateway_port, "/.well-known/jwks.json")


def _peer(postgres: Postgres) -> Any:
    port = own_port()
    url = database_url(postgres, "peer").replace("postgresql://", "postgresql+psycopg2://")
    variables = {"PEER_DATABASE_URL": url, "PEER_PORT": str(port)}
    return served("peer", ["-m", "bench.peer"], variables, port, "/ready")


def _prepare(contestant: Contestant) -> None:
    """One workplace, one item, and started operations with room for everything that will be reported."""
    base = contestant.server.url + contestant.prefix
    with httpx.Client(base_url=base, headers=contestant.headers(), trust_env=False) as client:
        for plural in ("workplaces", "items"):
            _ask(client, f"/{plural}", {"code": "BENCH", "name": "Bench"} | _unit(contestant, plural))
        for number in range(TARGETS):
            key = {"order_no": f"BENCH-{number:04d}", "operation_no": "0010"}
            _ask(client, "/operations", {**key, "workplace": "BENCH", "item": "BENCH", "qty_desired": "99999999"})
            _ask(client, f"/operations/BENCH-{number:04d}/0010/start", {})


def _prepare_orders(contestant: Contestant) -> None:
    """Work orders that are there, without operations. The peer keeps none."""
    base = contestant.server.url + contestant.prefix
    with httpx.Client(base_url=base, headers=contestant.headers(), trust_env=False) as client:
        for number in range(ORDERS):
            _ask(client, "/work-orders", {"order_no": f"PLAN-{number:04d}"})


def _unit(contestant: Contestant, plural: str) -> dict[str, str]:
    return {"unit": "pcs"} if contestant.door and plural == "items" else {}


def _ask(client: httpx.Client, path: str, body: dict[str, str]) -> None:
    headers = {"idempotency-key": token_urlsafe(12)}
    answer = client.post(path.removeprefix("/"), json=body, headers=headers)
    if answer.status_code not in (200, 201):
        raise RuntimeError(f"{path} answered {answer.status_code}: {answer.text[:500]}")
