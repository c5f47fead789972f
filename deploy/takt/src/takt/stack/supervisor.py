"""Starts everything in order, keeps it running, stops it in order."""

import json
import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from plantkit.db.provision import SERVICES
from takt.embedded.artifacts import Progress, cache_folder, locked, missing
from takt.embedded.kafka import Broker, Kafka
from takt.embedded.postgres import Postgres
from takt.embedded.process import last_line
from takt.errors import StackError, from_os_error
from takt.stack import logs, status
from takt.stack.children import Children
from takt.stack.folder import DataFolder, Remembered
from takt.stack.forks import Order
from takt.stack.member import Member, living
from takt.stack.pids import PidFiles
from takt.stack.plan import Options, Plan, max_connections, refuse_large_pools, refuse_production
from takt.stack.ports import choose_ports, doors, kafka_ports
from takt.stack.report import Report
from takt.stack.sources import Sources

_TICK_S = 0.2
_GRACE_S = 27  # a service gives its requests 25 s
_RELOAD_S = 3  # nobody waits long for a request of a developer's own
_READY_LIMIT_S = 60
_SOMEBODY_CAN_SIGN_IN = "SELECT EXISTS (SELECT FROM gateway.users)"  # the gateway makes its first user by itself
_INIT_SQL = Path(__file__).parents[4] / "postgres" / "init.sql"


class StopAsked(BaseException):
    """SIGTERM or Ctrl-C."""


@dataclass
class Stack:
    folder: DataFolder
    plan: Plan
    postgres: Postgres
    kafka: Kafka
    children: Children
    report: Report
    pid_files: PidFiles
    sources: Sources | None = None
    members: list[Member] = field(default_factory=list)
    forked: set[str] = field(default_factory=set)

    @classmethod
    def prepare(cls, options: Options, report: Report) -> "Stack":
        """Everything that can be refused before a process is started."""
        refuse_large_pools(options.split)
        folder = DataFolder(options.data)
        folder.make()
        folder.lock()
        status.forget(folder)
        pid_files = PidFiles(folder.run)
        for name in pid_files.clear_leftovers():
            report.say(f"{name} was left over by a launcher that was killed; it is stopped now.")
        pid_files.write("launcher", os.getpid())
        choices = folder.remembered(options.plant, options.brokers, test=options.test)
        refuse_production(choices)
        choose_ports(choices, options)
        kafka = _kafka(folder, choices)
        folder.remember(choices)
        settings = {"max_connections": str(max_connections(options.split))}
        port = choices.ports["postgres"]
        postgres = Postgres(folder.path / "postgres", port, log=folder.logs / "postgres.log", settings=settings)
        plan = Plan(folder, choices, kafka.bootstrap, options.split)
        modules = ("takt.stack.jobs", "plantkit.serve", *(f"{service}.app" for service in SERVICES))
        children = Children(modules, folder.logs / "services.log")
        sources = Sources.of_workspace() if options.reload else None
        return cls(folder, plan, postgres, kafka, children, report, pid_files, sources)

    def start(self) -> None:
        """Broker, database and imports side by side; then schemas and topics; then the services."""
        began = time.monotonic()
        self._start_servers()
        self._prepare_database()
        self.children.wait_ready()
        self.pid_files.write("services", self.children.pid)
        self._run_jobs()
        for order in self.plan.services():
            self._add(self._member(order))
        self._write_status()
        self._wait_for_services()
        self.report.say(f"Everything runs after {time.monotonic() - began:.1f} s.")

    def watch(self) -> None:
        """Until StopAsked: restart what ends, rotate what grows."""
        rotated_at = time.monotonic()
        while True:
            self.children.pump(_TICK_S)
            try:
                self._tend()
                if time.monotonic() - rotated_at > 1:
                    rotated_at = time.monotonic()
                    logs.rotate(self.folder.logs.glob("*.log"))
            except OSError as error:  # a full disk must not end what still runs
                self.report.say(str(from_os_error(error, self.folder.path)))
                time.sleep(1)

    def _tend(self) -> None:
        if self.sources is not None and self.sources.changed():
            self.report.say("Sources changed.")
            self.children.stop(_RELOAD_S)
            self.children.close()
        if not self.children.is_alive:
            self._replace_children()
        changed = [member.check(self.report) for member in self.members]
        if any(changed):
            self._write_status()

    def stop(self) -> None:
        """Services, then the broker, then the database: each may still need what is stopped after it."""
        self.children.stop(_GRACE_S)
        self.children.close()
        self.kafka.stop()
        self.postgres.stop()
        status.forget(self.folder)
        for name in self.pid_files.read():
            self.pid_files.remove(name)

    def _start_servers(self) -> None:
        fetched = missing(locked("kafka"))
        if fetched:
            size = sum(artifact.bytes for artifact in fetched) / 1e6
            self.report.say(f"Fetching {len(fetched)} files of Kafka, {size:.0f} MB in all, into {cache_folder()}.")
        self.children.spawn()
        with ThreadPoolExecutor(1) as pool, self._until_given_up() as progress:
            brokers = pool.submit(self.kafka.prepare, progress)
            self.postgres.prepare()
            self._add(Member("postgres", self.postgres.spawn, lambda: living(self.postgres)))
            brokers.result()
        for broker in self.kafka.brokers:
            self._add(self._broker(broker))

    @contextmanager
    def _until_given_up(self) -> Iterator[Progress]:
        """Progress that ends the fetching threads when the start is given up, by Ctrl-C or by an error beside them."""
        given_up = Event()

        def progress(name: str, done: int, total: int) -> None:
            if given_up.is_set():
                raise StackError("The fetch was given up.")
            self.report.fetching(name, done, total)

        try:
            yield progress
        except BaseException:
            given_up.set()
            raise

    def _prepare_database(self) -> None:
        self.postgres.wait_ready()
        self.folder.keep_secret("postgres", self.postgres.password)
        self.postgres.psql(_INIT_SQL, self.plan.role_passwords())

    def _run_jobs(self) -> None:
        jobs = [self.plan.migrations()]
        if not (self.folder.secrets / "signing-key").exists():
            jobs.append(self.plan.signing_key())
        for job in jobs:
            self.children.start(job)
        self.kafka.wait_ready()
        topics = self.plan.topics()
        self.children.start(topics)
        self.children.finish(*(job.name for job in (*jobs, topics)), logs=self.folder.logs)
        self.folder.write_credentials("admin", self.folder.secret("admin"))

    def _wait_for_services(self) -> None:
        for order in self.plan.services():
            port = next(value for key, value in order.environment.items() if key.endswith("_PORT"))
            self._wait_healthy(order, f"http://127.0.0.1:{port}/health/ready")
        ends_at = time.monotonic() + _READY_LIMIT_S
        while self.postgres.ask(_SOMEBODY_CAN_SIGN_IN, "takt") != "t" and time.monotonic() < ends_at:
            self.children.pump(0.05)

    def _wait_healthy(self, order: Order, url: str) -> None:
        ends_at = time.monotonic() + _READY_LIMIT_S
        while not answers(url):
            self.children.pump(0.05)
            if lost := lost_places(url):
                self.report.say(f"{order.name} is up and waits: {lost[0]}")
                return
            if self.children.code_of(order.name) is not None:
                raise StackError(
                    f"{order.name} ended while starting: {last_line(Path(order.log))[:300]} (see {order.log})"
                )
            if time.monotonic() > ends_at:
                raise StackError(f"{order.name} was not ready within {_READY_LIMIT_S} s: see {order.log}.")

    def _member(self, order: Order) -> Member:
        return Member(order.name, lambda: self._fork(order), lambda: self.children.pid_of(order.name))

    def _fork(self, order: Order) -> None:
        """A crash point ends the first life of a process only, or it would never get past it."""
        if self.children.is_alive:
            self.children.start(order.disarmed() if order.name in self.forked else order)
            self.forked.add(order.name)

    def _broker(self, broker: Broker) -> Member:
        name = "kafka" if broker.node == 0 else f"kafka-{broker.node}"
        return Member(name, lambda: self.kafka.restart(broker), lambda: living(broker))

    def _add(self, member: Member) -> None:
        member.begin()
        self.members.append(member)
        if pid := member.pid():
            self.pid_files.write(member.name, pid)

    def _replace_children(self) -> None:
        self.report.say("The services' parent process has ended; all services start again.")
        self.children.spawn()
        try:
            self.children.wait_ready()
        except StackError as error:
            self.report.say(str(error))
            time.sleep(1)
        self.pid_files.write("services", self.children.pid)

    def _write_status(self) -> None:
        pids = {member.name: pid for member in self.members if (pid := member.pid()) is not None}
        for name, pid in pids.items():
            self.pid_files.write(name, pid)
        status.write(self.folder, status.document(self.plan, {**pids, "services": self.children.pid}))


def _kafka(folder: DataFolder, choices: Remembered) -> Kafka:
    ports = kafka_ports(choices)
    return Kafka(folder.path / "kafka", ports, brokers=choices.brokers, logs=folder.logs, doors=doors(choices))


def lost_places(url: str) -> list[str]:
    """What a service says that runs and waits for a replay or a rebuild alone: both need a stack that stays up."""
    try:
        urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - our own loopback address
    except urllib.error.HTTPError as unready:
        trouble: list[str] = json.loads(unready.read()).get("trouble", [])
        return trouble if all("has lost its place" in sentence for sentence in trouble) else []
    except (urllib.error.URLError, OSError):
        return []
    return []


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own loopback address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@contextmanager
def stop_signals() -> Iterator[None]:
    """SIGTERM and Ctrl-C raise StopAsked once; while we stop, more of them change nothing."""

    def ask(_number: int, _frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise StopAsked

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run(options: Options, report: Report, when_ready: Callable[[Stack], None]) -> None:
    """Start, tell, and stay until asked to stop; whatever happens, nothing of it is left running."""
    stack = Stack.prepare(options, report)
    with stop_signals():
        try:
            stack.start()
            when_ready(stack)
            stack.watch()
        except StopAsked:
            report.say("Stopping services, broker and database.")
        finally:
            stack.stop()
