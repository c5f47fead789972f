"""Which topics everybody who is signed in may see. Pure."""

from collections.abc import Callable, Collection

from takt_contracts.roles import Role


def is_restricted(topic: str) -> bool:
    """Audit entries and everything about users and sign-ins: administrators only."""
    return topic.endswith(".audit") or topic.startswith("takt.gateway.")


def visible(topics: Collection[str], has: Callable[[Role], bool]) -> frozenset[str]:
    """The topics that somebody with these roles may read."""
    return frozenset(topic for topic in topics if has(Role.ADMIN) or not is_restricted(topic))
