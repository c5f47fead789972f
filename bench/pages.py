"""Pages, asked by a few clients at once, each for its next one when the answer is there: how long each took."""

import http.client
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import quantiles


@dataclass(frozen=True)
class Asked:
    """Latencies of every page, and the last answer's body."""

    per_s: float
    latencies_ms: tuple[float, ...]
    body: bytes

    @property
    def latency_ms(self) -> Mapping[str, float]:
        cuts = quantiles(self.latencies_ms, n=100, method="inclusive")
        return {"p50": cuts[49], "p95": cuts[94], "p99": cuts[98]}


def ask(port: int, path: str, headers: Mapping[str, str], *, clients: int, pages: int) -> Asked:
    """`pages` answers to each of `clients`. Raises RuntimeError for any that is no 200."""
    begun = time.perf_counter()
    with ThreadPoolExecutor(clients) as threads:
        asked = [threads.submit(_client, port, path, headers, pages) for _ in range(clients)]
        answered = [one.result() for one in asked]
    took_s = time.perf_counter() - begun
    latencies = tuple(ms for one, _ in answered for ms in one)
    return Asked(len(latencies) / took_s, latencies, answered[-1][1])


def _client(port: int, path: str, headers: Mapping[str, str], pages: int) -> tuple[list[float], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    latencies, body = [], b""
    for _ in range(pages):
        begun = time.perf_counter()
        connection.request("GET", path, headers=dict(headers))
        answer = connection.getresponse()
        body = answer.read()
        latencies.append(1000 * (time.perf_counter() - begun))
        if answer.status != 200:
            raise RuntimeError(f"{path} answered {answer.status}: {body[:500]!r}")
    connection.close()
    return latencies, body
