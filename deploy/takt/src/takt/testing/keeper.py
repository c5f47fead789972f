"""The process that owns one shared test server: `python -m takt.testing.keeper postgres FOLDER`.

It lives until nobody holds the users' lock any more, then stops the server and removes what it kept.
"""

import contextlib
import fcntl
import json
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from takt.embedded.kafka import Kafka
from takt.embedded.postgres import Postgres

# Nothing here has to survive a power cut: what the tests prove is order and visibility, and that needs no fsync.
_FOR_TESTS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "200",
    "autovacuum_naptime": "1min",  # it is shared among the databases, of which a run makes hundreds
}
# A consumer that a test killed is missed within seconds.
_KAFKA_FOR_TESTS = {"group.min.session.timeout.ms": "1000"}

Stop = Callable[[], None]


def postgres(folder: Path) -> tuple[str, Stop]:
    server = Postgres.start(folder, settings=_FOR_TESTS)
    return server.url, server.stop


def kafka(folder: Path) -> tuple[str, Stop]:
    cluster = Kafka.start(folder, settings=_KAFKA_FOR_TESTS)
    return cluster.bootstrap, cluster.stop


KINDS = {"postgres": postgres, "kafka": kafka}


def keep(kind: str, folder: Path) -> None:
    """Start, tell the address, wait for the last user, stop."""
    data = folder / "data"
    address, stop = KINDS[kind](data)
    try:
        _tell(folder, address)
        with (folder / "users.lock").open("wb") as users:
            fcntl.flock(users, fcntl.LOCK_EX)
    finally:
        stop()
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            folder.parent.rmdir()  # the run's folder, when this was the last server and the run was killed


def _tell(folder: Path, address: str) -> None:
    written = folder / "address.part"
    written.write_text(json.dumps({"address": address}))
    written.rename(folder / "address.json")


def _pressed(_signal: int, _frame: object) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _pressed)
    keep(sys.argv[1], Path(sys.argv[2]))
