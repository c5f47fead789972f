"""Which records a client asked for. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Choice:
    """What one client gets: topics it may see and asked for, of these the types it asked for."""

    topics: frozenset[str]
    types: frozenset[str] | None

    def wants(self, topic: str, type_: str) -> bool:
        return topic in self.topics and (self.types is None or type_ in self.types)


def choice(
    seen: frozenset[str], topics: str | None, types: str | None, catalogue: Mapping[str, Collection[str]]
) -> Choice:
    """From comma-separated wishes. Raises KeyError naming what is not in `catalogue` or not visible."""
    wished, of_types = words(topics), words(types)
    known = {type_ for topic in seen for type_ in catalogue.get(topic, ())}
    for name in sorted((wished or frozenset()) - seen | (of_types or frozenset()) - known):
        raise KeyError(name)
    return Choice(seen if wished is None else seen & wished, of_types)


def words(text: str | None) -> frozenset[str] | None:
    if text is None:
        return None
    return frozenset(word.strip() for word in text.split(",") if word.strip())
