"""One real stack, as `takt up --detach` starts it, and what a test asks of it: sign-ins, tables, logs."""

import asyncio
import json
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx

from takt.embedded.ports import own_port
from takt.testing import untraced
from takt_contracts.roles import Role

SERVICES: Final = ("gateway", "operations", "records", "imports")
PASSWORD: Final = f"{secrets.token_hex(4)} of Feuchtwangen {secrets.token_hex(4)}"
_FRESH_S = 300
_PATIENCE_S = 30
_MANY_SIGN_INS = {"TAKT_GATEWAY_SIGN_INS_PER_MINUTE": "1000000"}


@dataclass
class Stack:
    """A running stack. Everything a client does goes through `gateway`."""

    status: dict[str, Any]
    _signed_in: dict[str, tuple[float, str]] = field(default_factory=dict)

    @property
    def gateway(self) -> str:
        return str(self.status["gateway"])

    @property
    def data(self) -> Path:
        return Path(self.status["data"])

    @property
    def credentials(self) -> dict[str, str]:
        """Of the first administrator."""
        found: dict[str, str] = json.loads(Path(self.status["credentials"]).read_text())
        return found

    def secret(self, name: str) -> str:
        return (Path(self.status["secrets"]) / name).read_text()

    def lines(self, service: str) -> list[str]:
        """What a service has logged so far. Only a line feed ends a line."""
        return [line for line in (self.data / "logs" / f"{service}.log").read_text().split("\n") if line]

    @property
    def superuser_url(self) -> str:
        return str(self.status["postgres"]).replace("://", f"://postgres:{self.secret('postgres')}@")

    @asynccontextmanager
    async def database(self) -> AsyncIterator[asyncpg.Connection]:
        """A superuser's connection, to look with."""
        connection = await asyncpg.connect(self.superuser_url)
        try:
            yield connection
        finally:
            await connection.close()

    def headers(self, *roles: Role) -> dict[str, str]:
        """Authorization of a user who holds these roles and nothing else; ADMIN alone is the first administrator."""
        if roles == (Role.ADMIN,):
            return self._authorization(**self.credentials)
        username = "e2e-" + "-".join(sorted(roles)).lower()
        if username not in self._signed_in:
            self.add_user(username, *roles)
        return self._authorization(username, PASSWORD)

    def add_user(self, username: str, *roles: Role) -> None:
        body = {"username": username, "name": "Role under test", "password": PASSWORD, "roles": list(roles)}
        made = httpx.post(
            f"{self.gateway}/api/v1/users",
            json=body,
            headers=self.headers(Role.ADMIN),
            trust_env=False,
            timeout=_PATIENCE_S,
        )
        assert made.status_code == 201, made.text

    def sign_in(self, username: str, password: str = PASSWORD) -> dict[str, Any]:
        body = {"username": username, "password": password}
        answer = httpx.post(f"{self.gateway}/api/v1/auth/login", json=body, trust_env=False, timeout=_PATIENCE_S)
        assert answer.status_code == 200, answer.text
        tokens: dict[str, Any] = answer.json()
        return tokens

    def _authorization(self, username: str, password: str) -> dict[str, str]:
        at, token = self._signed_in.get(username, (0.0, ""))
        if not token or time.monotonic() - at > _FRESH_S:
            token = str(self.sign_in(username, password)["access_token"])
            self._signed_in[username] = (time.monotonic(), token)
        return {"authorization": f"Bearer {token}"}


Prepare = Callable[[Path], Mapping[str, str]]
"""Does what must be done in a data folder before the first start; returns what the environment needs for it."""


@contextmanager
def running_stack(*options: str, prepare: Prepare | None = None, **environment: str) -> Iterator[Stack]:
    """Up, and down again whatever happens in between."""
    home = Path(tempfile.mkdtemp(prefix="takt-e2e-"))
    home.chmod(0o755)  # the database may run as another user, who has to get in
    data = home / "data"
    try:
        given = {**(prepare(data) if prepare else {}), **environment}
        _takt("up", "--detach", *options, "--data", str(data), "--port", str(own_port()), **given)
        yield Stack(json.loads(_takt("status", "--json", "--data", str(data))))
    finally:
        _takt("down", "--data", str(data))
        shutil.rmtree(home, ignore_errors=True)


def _takt(*arguments: str, **environment: str) -> str:
    command = [sys.executable, "-m", "takt", *arguments]
    given = {**untraced.environment(), **_MANY_SIGN_INS, **environment}
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False, env=given)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


async def until(met: Any, limit_s: float = 50.0) -> Any:
    """What `met()` answers as soon as it is something; the table or log it looks at cannot call back."""
    async with asyncio.timeout(limit_s):
        while not (found := await met()):  # noqa: ASYNC110 -- see above
            await asyncio.sleep(0.05)
    return found
