"""The faults that a chaos run chooses from, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from signal import SIGQUIT

from plantkit.db.provision import SERVICES
from takt.stack.plan import LOOPS, WORKERS
from tests.faults.chaos.schedule import Span
from tests.faults.harness import nemesis
from tests.faults.harness.links import OWNERS, Linked
from tests.faults.harness.nemesis import Fault
from tests.faults.harness.proxy import BOTH, Way, Weather

_AT_ONCE = Span(0.5, 2.0)  # a kill heals when the supervisor has started the process again
_PAST_THE_LEASE = Span(11.0, 14.0)  # leases are 10 s, sessions 6 s
_A_WHILE = Span(4.0, 8.0)
_PAST_THE_DEADLINE = Span(16.0, 20.0)  # Kafka requests expire after 2 s; it stands for an absence of 10 minutes
_GROUPS = {"gateway.order-card": "gateway", "gateway.activity": "gateway", "operations.imports": "operations"}
_TOPICS = ("takt.operations.operation", "takt.operations.item")


@dataclass(frozen=True)
class Dish:
    """One fault: how long it stays, what it needs, and how it is made of a stack and the order that clients work on."""

    span: Span
    make: Callable[[Linked, str], Fault]
    needs_links: bool = False


def menu(*, links: bool) -> Mapping[str, Dish]:
    """All faults; without links those that need none."""
    return {name: dish for name, dish in _EVERY.items() if links or not dish.needs_links}


def _kill(name: str) -> Dish:
    return Dish(_AT_ONCE, lambda linked, _: nemesis.Kill(linked, name))


def _pause(name: str, span: Span) -> Dish:
    return Dish(span, lambda linked, _: nemesis.Pause(linked, name))


def _bad(weather: Weather, *names: str, span: Span = _A_WHILE) -> Dish:
    return Dish(span, lambda linked, _: nemesis.BadLink(linked, names, weather), needs_links=True)


def _resets(*names: str) -> Dish:
    return Dish(_AT_ONCE, lambda linked, _: nemesis.Resets(linked, names), needs_links=True)


def _redelivered(topic: str, *, turned: bool) -> Dish:
    return Dish(_AT_ONCE, lambda linked, _: nemesis.Redelivered(linked, topic, turned))


def _rewound(group: str, service: str) -> Dish:
    return Dish(_AT_ONCE, lambda linked, _: nemesis.OffsetsReset(linked, service, group))


_LOOPS = [service if loop == "api" else f"{service}-{loop}" for service in SERVICES for loop in LOOPS]
_PROCESSES = [*_LOOPS, *(f"{service}-worker" for service in WORKERS)]
_TO_KAFKA, _TO_POSTGRES = ([f"{service}-{server}" for service in SERVICES] for server in ("kafka", "postgres"))
_TO_OWNERS = [f"gateway-{owner}" for owner in OWNERS]
_SLOW = Weather(latency_s=0.2, jitter_s=0.1)
_HOLE = Weather(swallowed=BOTH)
_DEAF = Weather(swallowed=frozenset({Way.ANSWERS}))
_LATE = Weather(held=BOTH)
_EVERY: Mapping[str, Dish] = {
    **{f"kill {name}": _kill(name) for name in _PROCESSES},
    **{f"pause {name}": _pause(name, _PAST_THE_LEASE) for name in _PROCESSES},
    "kill kafka": _kill("kafka"),
    "kill all services": _kill("services"),
    "pause kafka": _pause("kafka", _PAST_THE_LEASE),
    "kafka away": Dish(_PAST_THE_DEADLINE, lambda linked, _: nemesis.Absence(linked, "kafka")),
    "kafka loses its disk": Dish(_AT_ONCE, lambda linked, _: nemesis.DiskLost(linked)),
    "postgres restarts at once": Dish(_AT_ONCE, lambda linked, _: nemesis.Kill(linked, "postgres", SIGQUIT)),
    "kill a backend": Dish(_AT_ONCE, lambda linked, _: nemesis.BackendKilled(linked)),
    "connections exhausted": Dish(_A_WHILE, lambda linked, _: nemesis.Exhausted(linked)),
    "row locked": Dish(_A_WHILE, nemesis.RowLocked),
    "slow postgres": _bad(_SLOW, *_TO_POSTGRES),
    "slow kafka": _bad(_SLOW, *_TO_KAFKA),
    "postgres late": _bad(_LATE, *_TO_POSTGRES),
    "operations-postgres black hole": _bad(_HOLE, "operations-postgres"),
    "operations-kafka black hole": _bad(_HOLE, "operations-kafka", span=_PAST_THE_LEASE),
    "imports-kafka black hole": _bad(_HOLE, "imports-kafka", span=_PAST_THE_LEASE),
    "operations-kafka unanswered": _bad(_DEAF, "operations-kafka", span=_PAST_THE_LEASE),
    "operations unanswered": _bad(_DEAF, "gateway-operations"),
    "postgres resets": _resets(*_TO_POSTGRES),
    "kafka resets": _resets(*_TO_KAFKA),
    "owner resets": _resets(*_TO_OWNERS),
    **{f"{topic} told again": _redelivered(topic, turned=False) for topic in _TOPICS},
    **{f"{topic} told backwards": _redelivered(topic, turned=True) for topic in _TOPICS},
    **{f"{group} sent back": _rewound(group, service) for group, service in _GROUPS.items()},
}
