"""Which topics everybody who is signed in may see. Pure."""

from collections.abc import Callable, Collection
from functools import cache

from takt_contracts import catalog
from takt_contracts.roles import Role


def is_restricted(topic: str) -> bool:
    """Audit entries, everything about users and sign-ins, work between services: administrators only."""
    return topic.endswith(".audit") or topic.startswith("takt.gateway.") or topic in _internal()


@cache
def _internal() -> frozenset[str]:
    return frozenset(event.topic for event in catalog.event_classes() if event.internal)


def visible(topics: Collection[str], has: Callable[[Role], bool]) -> frozenset[str]:
    """The topics that somebody with these roles may read."""
    return frozenset(topic for topic in topics if has(Role.ADMIN) or not is_restricted(topic))
