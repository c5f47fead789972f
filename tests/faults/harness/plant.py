"""What one run stands on: a database of its own, the run's broker, keys, a folder for logs, and its processes."""

import json
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any

from plantkit.crash import VARIABLE
from plantkit.testing.database import TestDatabase
from plantkit.testing.fixtures import Signer
from takt.embedded.ports import own_port
from takt.stack.children import Children
from tests.faults.checkers import history
from tests.faults.checkers.history import Op
from tests.faults.harness.processes import Child, forked

SERVICE = "operations"
LEASE_S = 1.5  # the product's is 10 s; shortened so that a run ends within 15 s
SESSION_MS = 3_000  # the default is 10 s


@dataclass(frozen=True, kw_only=True)
class Plant:
    """One run's own. `name` is unique and goes into keys, topics and groups."""

    database: TestDatabase
    bootstrap: str
    jwks_url: str
    signer: Signer
    folder: Path
    parent: Children
    name: str = field(default_factory=lambda: token_hex(4))
    secret: str = field(default_factory=lambda: token_hex(32))
    children: list[Child] = field(default_factory=list)

    @property
    def topic(self) -> str:
        """The topic that only this run writes."""
        return f"takt.faults.tick-{self.name}"

    @property
    def plant(self) -> str:
        return f"faults-{self.name}"

    @property
    def source(self) -> str:
        """CloudEvents source of what this run's service tells."""
        return f"/plants/{self.plant}/{SERVICE}"

    def written(self, seen: Iterable[Op]) -> list[Op]:
        """The history as its file has it: what is judged is what is kept."""
        path = self.folder / "history.jsonl"
        with path.open("w") as lines:
            history.write(seen, lines)
        with path.open() as lines:
            return list(history.read(lines))

    def service(self, *loops: str, crash: str | None = None, commands: str | None = None) -> tuple[Child, str]:
        """The product as it is, by its settings, as the stack starts it; and its address. `commands` names strategies
        as `module:NAME` that take the place of the product's.
        """
        port = own_port()
        environment = self._environment(loops, crash, PORT=str(port))
        child = (
            self._start("takt.stack.jobs:serve", environment, service=SERVICE)
            if commands is None
            else self._start("tests.faults.harness.service_process:run", environment, commands=commands)
        )
        return child, f"http://127.0.0.1:{port}"

    def messaging(self, *loops: str, crash: str | None = None, **parts: Any) -> Child:
        """The product's messaging alone, made of other parts where a run says so (see `messaging_process`)."""
        given = json.dumps({"run": self.name, **parts})
        return self._start("tests.faults.harness.messaging_process:run", self._environment(loops, crash), parts=given)

    def _start(self, target: str, environment: dict[str, str], **given: str) -> Child:
        name = f"{self.name}-{len(self.children)}"
        log = self.folder / f"{name}.log"
        self.children.append(forked(self.parent, target, name, log, environment, **given))
        return self.children[-1]

    def _environment(self, loops: Collection[str], crash: str | None, **more: str) -> dict[str, str]:
        given = {
            "MODE": "embedded",
            "PLANT": self.plant,
            "PORT": "0",
            "DATABASE_URL": self.database.url("app"),
            "KAFKA_BOOTSTRAP": self.bootstrap,
            "JWKS_URL": self.jwks_url,
            "CURSOR_SECRET": self.secret,
            "CONSISTENCY_SECRET": self.secret,
            "LOOPS": ",".join(loops),
            "KAFKA_SESSION_TIMEOUT_MS": str(SESSION_MS),
            "RELAY_LEASE_S": str(LEASE_S),
            **more,
        }
        named = {f"TAKT_{SERVICE.upper()}_{name}": value for name, value in given.items()}
        return {**named, **({VARIABLE: crash} if crash else {})}


@contextmanager
def ended(plant: Plant) -> Iterator[Plant]:
    """At the end nothing of the run is left, paused processes included."""
    try:
        yield plant
    finally:
        for child in plant.children:
            child.kill()
