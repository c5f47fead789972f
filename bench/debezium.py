"""Debezium's outbox: Kafka Connect standalone, the PostgreSQL connector, its event router. A worker a turn.

Tuned in its favour: a heap of 2 GiB and the compiler that the embedded broker does without, larger batches and queues,
no linger, looked for rows every 10 ms. It tells the headers that the product tells, each a column, and nobody marks a
row.
"""

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

from bench.machine import PASSWORD, Child
from takt.embedded.artifacts import fetch, listed
from takt.embedded.kafka import java
from takt.embedded.ports import own_port
from takt.embedded.postgres import Postgres

TABLE = "operations.debezium_outbox"
HEADERS = (
    "ce_id", "ce_subject", "ce_partitionkey", "ce_sequence", "ce_specversion", "ce_source", "ce_type", "ce_time",
    "ce_dataschema", "ce_recordedtime", "ce_correlationid", "ce_authtype", "ce_authid", "ce_traceparent",
    "content-type", "traceparent",
)  # fmt: skip
COLUMNS = tuple(header.replace("-", "_") for header in HEADERS)
MAKE = f"""
CREATE TABLE {TABLE} (
    id uuid PRIMARY KEY, aggregatetype text, aggregateid text, key text, type text, payload text,
    {", ".join(f"{column} text" for column in COLUMNS)}
)
"""
INSERT = f"""
INSERT INTO {TABLE} SELECT id, aggregatetype, aggregateid::text, key, type, payload,
    {", ".join(f"headers::json ->> '{header}'" for header in HEADERS)}
FROM operations.bench_rows ORDER BY slot, aggregatetype, aggregateid, version
"""
_ROLE = "debezium"
MAKE_ROLE = f"CREATE ROLE {_ROLE} SUPERUSER REPLICATION LOGIN PASSWORD '{PASSWORD}'"
_READY_S = 180.0
_JVM = ("-Xms256m", "-Xmx2g", "-XX:TieredStopAtLevel=4", "-XX:-UseSerialGC", "-XX:+UseParallelGC")
_MAIN = "org.apache.kafka.connect.cli.ConnectStandalone"


@contextmanager
def worker(postgres: Postgres, database: str, bootstrap: str) -> Iterator[Child]:
    """Yields when the connector reads the write-ahead log. Its slot and offsets go with it."""
    port = own_port()
    with tempfile.TemporaryDirectory(prefix="takt-bench-connect-") as home:
        folder = Path(home)
        files = [
            _properties(folder / "worker.properties", _worker(folder, bootstrap, port)),
            _properties(folder / "connector.properties", _connector(postgres, database)),
        ]
        argv = java(_jars(), _MAIN, *files, jvm=_JVM)
        log = folder / "connect.log"
        with log.open("w") as out:
            process = subprocess.Popen(argv, stdout=out, stderr=out, stdin=subprocess.DEVNULL, text=True)
        try:
            _await(process, f"http://127.0.0.1:{port}/connectors/outbox/status")
            yield Child("debezium", process, port)
        except BaseException:
            sys.stderr.write(f"--- last lines of debezium\n{log.read_text()[-4000:]}\n")
            raise
        finally:
            process.terminate()
            process.wait(60)


def _jars() -> list[Path]:
    return fetch(listed(Path(__file__).with_name("debezium.lock").read_text(), "debezium"))


def _worker(folder: Path, bootstrap: str, port: int) -> Mapping[str, str]:
    text = "org.apache.kafka.connect.storage.StringConverter"
    return {
        "bootstrap.servers": bootstrap,
        "listeners": f"http://127.0.0.1:{port}",
        "key.converter": text,
        "value.converter": text,
        "header.converter": text,
        "offset.storage.file.filename": str(folder / "offsets"),
        "offset.flush.interval.ms": "10000",
        "plugin.discovery": "service_load",
        "producer.acks": "all",
        "producer.linger.ms": "0",
        "producer.batch.size": "262144",
        "producer.buffer.memory": "134217728",
    }


def _connector(postgres: Postgres, database: str) -> Mapping[str, str]:
    return {
        "name": "outbox",
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "database.hostname": "127.0.0.1",
        "database.port": str(postgres.port),
        "database.user": _ROLE,
        "database.password": PASSWORD,
        "database.dbname": database,
        "topic.prefix": "bench",
        "plugin.name": "pgoutput",
        "slot.name": "bench",
        "slot.drop.on.stop": "true",
        "publication.autocreate.mode": "filtered",
        "table.include.list": TABLE,
        "snapshot.mode": "no_data",
        "tombstones.on.delete": "false",
        "max.batch.size": "8192",
        "max.queue.size": "32768",
        "poll.interval.ms": "10",
        "transforms": "outbox",
        "transforms.outbox.type": "io.debezium.transforms.outbox.EventRouter",
        "transforms.outbox.table.field.event.key": "key",
        "transforms.outbox.route.topic.replacement": "takt.operations.${routedByValue}",
        "transforms.outbox.table.fields.additional.placement": ",".join(
            f"{column}:header:{header}" for column, header in zip(COLUMNS, HEADERS, strict=True)
        ),
    }


def _properties(path: Path, settings: Mapping[str, str]) -> str:
    path.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    return str(path)


def _await(process: "subprocess.Popen[str]", status: str) -> None:
    ends_at = time.monotonic() + _READY_S
    while time.monotonic() < ends_at and process.poll() is None:
        if _runs(status):
            return
        time.sleep(0.2)
    raise RuntimeError("the connector did not come up")


def _runs(status: str) -> bool:
    try:
        with urllib.request.urlopen(status, timeout=2) as answer:
            said = json.load(answer)
    except (URLError, OSError):
        return False
    return bool(said["tasks"]) and all(task["state"] == "RUNNING" for task in said["tasks"])
