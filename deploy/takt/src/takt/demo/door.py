"""The gateway, as a client of its API sees it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from takt.errors import StackError

_RETRIES = 20


@dataclass(frozen=True)
class Visitor:
    """Somebody who signed in."""

    client: httpx.Client
    headers: Mapping[str, str]

    def get(self, path: str) -> dict[str, Any]:
        return _read(self._ask("GET", path))

    def create(self, path: str, body: Mapping[str, object]) -> bool:
        """Whether it is new; something of the same key is left as it is."""
        answer = self._ask("POST", path, body)
        if answer.status_code == httpx.codes.CONFLICT:
            return False
        _read(answer)
        return True

    def act(self, path: str, body: Mapping[str, object], key: str) -> dict[str, Any]:
        """A verb. The same key a second time is answered from what was done the first time."""
        return _read(self._ask("POST", path, body, {"Idempotency-Key": key}))

    def _ask(
        self, method: str, path: str, body: Mapping[str, object] | None = None, more: Mapping[str, str] | None = None
    ) -> httpx.Response:
        headers = {**self.headers, **(more or {})}
        answer = self.client.request(method, path, json=body, headers=headers)
        for _ in range(_RETRIES):
            if answer.status_code not in {httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE}:
                break
            time.sleep(min(float(answer.headers.get("Retry-After", "1")), 5))
            answer = self.client.request(method, path, json=body, headers=headers)
        return answer


def sign_in(client: httpx.Client, username: str, password: str) -> Visitor:
    tokens = _read(client.post("/api/v1/auth/login", json={"username": username, "password": password}))
    return Visitor(client, {"Authorization": f"Bearer {tokens['access_token']}"})


def _read(answer: httpx.Response) -> dict[str, Any]:
    if answer.is_success:
        found: dict[str, Any] = answer.json()
        return found
    asked = f"{answer.request.method} {answer.request.url.path}"
    raise StackError(f"The gateway refused {asked} with {answer.status_code}: {answer.text[:300]}")
