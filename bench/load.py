"""The load: one process, a few keep-alive connections, each sending its next request when the answer is there.

It writes raw bytes made from a template and reads no more of an answer than it must, so that it is never what limits;
its own CPU time is part of the result. Run as `python -m bench.load`: a `Load` as JSON on stdin, a `Result` on stdout.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import cast

import uvloop

NUMBER, TARGET = "@number@", "@tg@"  # replaced by eight and four digits: unlike the length, the text changes
_PATIENCE_S = 20.0


@dataclass(frozen=True, kw_only=True)
class Load:
    """POST `body` to `path` for `seconds` after `warm_up_s`. Requests are numbered from `first`."""

    port: int
    path: str
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)
    connections: int = 16
    targets: int = 1
    first: int = 0
    seconds: float = 4.0
    warm_up_s: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Result:
    """`next` is the first number that was not used. Statuses count warm-up too: they are what the table must hold."""

    per_s: float
    statuses: dict[str, int]
    p50_ms: float
    p99_ms: float
    cpu_s: float
    next: int
    example: str


class Run:
    """What the connections share."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.template = _template(load)
        self.number = load.first
        self.statuses: Counter[str] = Counter()
        self.latencies: list[float] = []
        self.example = ""
        self.begins_at = self.ends_at = 0.0

    def request(self) -> bytes:
        number, self.number = self.number, self.number + 1
        made = self.template.replace(NUMBER.encode(), b"%08d" % number)
        return made.replace(TARGET.encode(), b"%04d" % (number % self.load.targets))

    def answered(self, sent_at: float, now: float, answer: bytes) -> None:
        self.statuses[answer[9:12].decode()] += 1
        if self.begins_at <= now < self.ends_at:
            self.latencies.append(now - sent_at)
        self.example = self.example or answer.decode()

    async def go(self) -> Result:
        loop = asyncio.get_running_loop()
        self.begins_at = time.perf_counter() + self.load.warm_up_s
        self.ends_at = self.begins_at + self.load.seconds
        opened = [
            await loop.create_connection(lambda: Connection(self), "127.0.0.1", self.load.port)
            for _ in range(self.load.connections)
        ]
        async with asyncio.timeout(self.load.warm_up_s + self.load.seconds + _PATIENCE_S):
            await asyncio.gather(*(connection.finished for _, connection in opened))
        return self.result()

    def result(self) -> Result:
        ordered = sorted(self.latencies) or [0.0]
        return Result(
            per_s=len(self.latencies) / self.load.seconds,
            statuses=dict(self.statuses),
            p50_ms=1000 * ordered[len(ordered) // 2],
            p99_ms=1000 * ordered[int(len(ordered) * 0.99)],
            cpu_s=time.process_time(),
            next=self.number,
            example=self.example,
        )


class Connection(asyncio.Protocol):
    """Ends when an answer comes after the time is up, so that nothing is left on the way."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.buffer = b""
        self.sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's does not inherit from it
        self._send()

    def _send(self) -> None:
        self.sent_at = time.perf_counter()
        self.transport.write(self.run.request())

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        now = time.perf_counter()
        self.run.answered(self.sent_at, now, self.buffer)
        self.buffer = b""
        if now < self.run.ends_at:
            self._send()
        else:
            self.transport.close()
            self.finished.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.finished.done():
            self.finished.set_exception(exc or ConnectionError("closed by the server"))


def _length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"content-length:")
    return int(rest.partition(b"\r\n")[0] or b"0")


def _template(load: Load) -> bytes:
    length = len(load.body.replace(NUMBER, "0" * 8).replace(TARGET, "0" * 4).encode())
    headers = {"host": f"127.0.0.1:{load.port}", "content-type": "application/json", **load.headers}
    lines = [f"POST {load.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, f"content-length: {length}", "", load.body]).encode()


if __name__ == "__main__":
    given = Load(**json.loads(sys.stdin.read()))
    sys.stdout.write(json.dumps(asdict(uvloop.run(Run(given).go()))))
