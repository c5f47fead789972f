"""The gateway, as a client of its API sees it."""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from getpass import getpass
from pathlib import Path
from typing import Any

import httpx

from takt.errors import StackError
from takt.stack import status

API = "/api/v1"
PASSWORD = "TAKT_PASSWORD"  # noqa: S105 - the name of a variable
_RETRIES = 20
_BUSY = frozenset({httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE})


@dataclass(frozen=True)
class Where:
    """The stack on a folder, signed in as its first administrator; or a gateway, as somebody."""

    data: Path
    url: str | None = None
    user: str | None = None


@dataclass
class Visitor:
    """Somebody who signed in, and does so again when the access token is over."""

    client: httpx.Client
    username: str
    password: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def sign_in(self) -> "Visitor":
        """Raises StackError when the two do not belong together."""
        body = {"username": self.username, "password": self.password}
        tokens = _read(_patiently(lambda: self.client.post(f"{API}/auth/login", json=body)))
        self.headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        return self

    def get(self, path: str, **query: str) -> dict[str, Any]:
        return _read(self.ask("GET", path, params=query))

    def create(self, path: str, body: Mapping[str, object]) -> bool:
        """Whether it is new; something of the same key is left as it is."""
        answer = self.ask("POST", path, json=body)
        if answer.status_code == httpx.codes.CONFLICT:
            return False
        _read(answer)
        return True

    def act(self, path: str, body: Mapping[str, object], key: str) -> dict[str, Any]:
        """A verb. The same key a second time is answered from what was done the first time."""
        return _read(self.ask("POST", path, {"Idempotency-Key": key}, json=body))

    def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None, **more: Any) -> httpx.Response:
        """Whatever is answered in the end: asked again while it is busy, and once more when the token was over."""

        def once() -> httpx.Response:
            return self.client.request(method, path, headers={**self.headers, **(headers or {})}, **more)

        answer = _patiently(once)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self.sign_in()
            answer = _patiently(once)
        return answer


def credentials(where: Where) -> tuple[str, str, str]:
    """Address of the gateway, user name and password. Raises StackError."""
    if where.url is not None:
        if where.user is None:
            raise StackError("--url needs --user; the password is asked for, or taken from TAKT_PASSWORD.")
        return where.url, where.user, os.environ.get(PASSWORD) or getpass(f"Password of {where.user}: ")
    running = status.read(where.data)
    try:
        known = json.loads(Path(running["credentials"]).read_text())
    except OSError:
        raise StackError(f"No permission to read {running['credentials']}: give --url and --user.") from None
    user = where.user or known["username"]
    password = known["password"] if where.user in (None, known["username"]) else None
    return running["gateway"], user, password or os.environ.get(PASSWORD) or getpass(f"Password of {user}: ")


def sign_in(client: httpx.Client, username: str, password: str) -> Visitor:
    return Visitor(client, username, password).sign_in()


def refusal(answer: httpx.Response) -> str:
    """What a refusal says, for a person."""
    try:
        told = answer.json()
        errors = [f"{one['pointer']}: {one['detail']}" for one in told["errors"] if one["detail"] != told["detail"]]
        return " ".join([told["detail"], *errors])
    except (ValueError, KeyError, TypeError):
        return answer.text[:300]


def _patiently(ask: Any) -> httpx.Response:
    answer: httpx.Response = ask()
    for _ in range(_RETRIES):
        if answer.status_code not in _BUSY:
            break
        time.sleep(min(float(answer.headers.get("Retry-After", "1")), 5))
        answer = ask()
    return answer


def _read(answer: httpx.Response) -> dict[str, Any]:
    refuse(answer)
    found: dict[str, Any] = answer.json()
    return found


def refuse(answer: httpx.Response) -> None:
    """Raises StackError for a refusal, in its own words."""
    if answer.is_success:
        return
    asked = f"{answer.request.method} {answer.request.url.path}"
    raise StackError(f"The gateway refused {asked} with {answer.status_code}: {refusal(answer)}")
