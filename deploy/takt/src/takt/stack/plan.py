"""What is started, with which settings. A TAKT_... variable of the launcher's own environment wins over ours."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from plantkit.db.provision import SERVICES
from takt.errors import StackError
from takt.stack.folder import DataFolder, Remembered
from takt.stack.forks import Order

LOOPS = ("api", "relay", "consumers")
WORKERS = ("imports",)  # services whose heavy work has a process of its own, always
_KEEP_FILES = ("gateway", "imports")
_SPARE_CONNECTIONS = 10
_POOL, _OVERFLOW = 8, 0  # a connection beyond the pool is opened and closed for one use: a fifth of the throughput
_SPLIT_POOLS = {"api": (8, 0), "relay": (2, 1), "consumers": (4, 2), "worker": (4, 0)}


@dataclass(frozen=True)
class Options:
    """What the user asked for."""

    data: Path
    port: int | None = None
    brokers: int | None = None
    plant: str | None = None
    split: bool = False
    reload: bool = False
    test: bool = False


@dataclass(frozen=True)
class Plan:
    """Addresses and secrets of one stack, turned into orders for its processes."""

    folder: DataFolder
    choices: Remembered
    bootstrap: str
    split: bool

    def url(self, service: str) -> str:
        return f"http://127.0.0.1:{self.choices.ports[service]}"

    def services(self) -> Iterator[Order]:
        """The order for each process, the API's first. Only the API of a service listens on its port."""
        for service in SERVICES:
            if self.split:
                yield from (self._loop(service, loop) for loop in LOOPS)
            else:
                yield self._service(service, service, {"LOOPS": ",".join(LOOPS)})
            if service in WORKERS:
                yield self._loop(service, "worker")

    def _loop(self, service: str, loop: str) -> Order:
        """A process for one loop."""
        name = service if loop == "api" else f"{service}-{loop}"
        size, overflow = _SPLIT_POOLS[loop]
        pool = {"DB_POOL_SIZE": str(size), "DB_POOL_OVERFLOW": str(overflow)}
        return self._service(name, service, {"LOOPS": loop, "PORT": str(self.choices.ports[name]), **pool})

    def migrations(self) -> Order:
        urls = {f"TAKT_{s.upper()}_OWNER_DATABASE_URL": self._database_url(s, "owner") for s in SERVICES}
        return self._job("migrations", "migrate", {"services": ",".join(SERVICES)}, urls)

    def topics(self) -> Order:
        return self._job(
            "topics", "provision", {"bootstrap": self.bootstrap, "copies": str(min(3, self.choices.brokers))}
        )

    def signing_key(self) -> Order:
        return self._job("signing-key", "signing_key", {"path": str(self.folder.secrets / "signing-key")})

    def role_passwords(self) -> dict[str, str]:
        """As the variables that deploy/postgres/init.sql reads."""
        roles = ((service, role) for service in SERVICES for role in ("owner", "app"))
        return {f"TAKT_{s.upper()}_{r.upper()}_PASSWORD": self.folder.secret(f"{s}-{r}") for s, r in roles}

    def _job(
        self, name: str, function: str, arguments: Mapping[str, str], more: Mapping[str, str] | None = None
    ) -> Order:
        log = str(self.folder.logs / f"{name}.log")
        return Order(name, f"takt.stack.jobs:{function}", log, arguments, more or {})

    def _service(self, name: str, service: str, more: Mapping[str, str]) -> Order:
        prefix = f"TAKT_{service.upper()}_"
        settings = {**self._settings(service), **more}
        computed = {f"{prefix}{field}": value for field, value in settings.items()}
        chosen = {key: value for key, value in os.environ.items() if key in computed}
        log = str(self.folder.logs / f"{name}.log")
        return Order(name, "takt.stack.jobs:serve", log, {"service": service}, {**computed, **chosen})

    def _settings(self, service: str) -> dict[str, str]:
        common = {
            "MODE": "embedded",
            "PLANT": self.choices.plant,
            "PORT": str(self.choices.ports[service]),
            "DATABASE_URL": self._database_url(service, "app"),
            "KAFKA_BOOTSTRAP": self.bootstrap,
            "JWKS_URL": f"{self.url('gateway')}/.well-known/jwks.json",
            "CURSOR_SECRET": self.folder.secret(f"{service}-cursor"),
            "CONSISTENCY_SECRET": self.folder.secret("consistency"),
            "DB_POOL_SIZE": str(_POOL),
            "DB_POOL_OVERFLOW": str(_OVERFLOW),
        }
        if service == "records":
            common["AUDIT_KEY"] = self.folder.secret("records-audit-key")
        if service in _KEEP_FILES:
            common["STORAGE_URL"] = (self.folder.path / "objects").as_uri()
        return {**common, **self._gateway_settings()} if service == "gateway" else common

    def _gateway_settings(self) -> dict[str, str]:
        owners = {f"{service.upper()}_URL": self.url(service) for service in SERVICES if service != "gateway"}
        admin = {"ADMIN_USERNAME": "admin", "ADMIN_PASSWORD": self.folder.secret("admin")}
        return {**owners, **admin, "SIGNING_KEY": (self.folder.secrets / "signing-key").read_text()}

    def _database_url(self, service: str, role: str) -> str:
        password = self.folder.secret(f"{service}-{role}")
        return f"postgresql://{service}_{role}:{password}@127.0.0.1:{self.choices.ports['postgres']}/takt"


def refuse_production(choices: Remembered) -> None:
    """Raises StackError when a stack that faults may be put into is told to be a real one."""
    real = [service for service in SERVICES if os.environ.get(f"TAKT_{service.upper()}_MODE") == "production"]
    if choices.test and real:
        raise StackError(f"This is a test stack: {', '.join(real)} cannot run in production mode in it.")


def max_connections(split: bool) -> int:
    return int(os.environ.get("TAKT_POSTGRES_MAX_CONNECTIONS", "200" if split else "100"))


def refuse_large_pools(split: bool) -> None:
    """Raises StackError when the pools together could ask for more sessions than the database gives."""
    wanted = sum(_pool(service, loop) for service in SERVICES for loop in (LOOPS if split else ("all",)))
    wanted += sum(_pool(service, "worker") for service in WORKERS)
    ceiling = max_connections(split) - _SPARE_CONNECTIONS
    if wanted > ceiling:
        raise StackError(
            f"The connection pools of all services add up to {wanted}, more than max_connections - "
            f"{_SPARE_CONNECTIONS} = {ceiling}: lower TAKT_<SERVICE>_DB_POOL_SIZE or DB_POOL_OVERFLOW."
        )


def _pool(service: str, loop: str) -> int:
    size, overflow = _SPLIT_POOLS.get(loop, (_POOL, _OVERFLOW))
    prefix = f"TAKT_{service.upper()}_DB_POOL_"
    try:
        return int(os.environ.get(f"{prefix}SIZE", size)) + int(os.environ.get(f"{prefix}OVERFLOW", overflow))
    except ValueError:
        raise StackError(f"{prefix}SIZE and {prefix}OVERFLOW must be whole numbers.") from None
