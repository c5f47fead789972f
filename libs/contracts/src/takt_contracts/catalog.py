"""Every event and resource of the plant, found by walking this package. Two of the same name are refused."""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any, Final, TypeGuard

import takt_contracts
from takt_contracts.event import Event
from takt_contracts.records.shipped import shipped
from takt_contracts.records.template import template_of_type
from takt_contracts.resource import ResourceContract
from takt_contracts.template import ImportTemplate, template_of

PATHS: Final[Mapping[str, str]] = {
    "imports": "imports",
    "templates": "imports",
    "records": "records",
    "audit": "records",
    "record-types": "records",
    "change-sets": "records",
    "statistics": "operations",
    "reports": "operations",
}
"""Who answers the paths that are no declared resource's."""


class DuplicateContract(Exception):
    """Two declarations claim one name."""


@dataclass(frozen=True)
class Topic:
    """A topic as it is provisioned. Compacted ones keep the newest event of a subject, the others keep every event."""

    name: str
    key: tuple[str, ...]
    partitions: int
    compacted: bool
    types: tuple[str, ...]

    @property
    def config(self) -> Mapping[str, str]:
        return {"cleanup.policy": "compact"} if self.compacted else {"cleanup.policy": "delete", "retention.ms": "-1"}


@cache
def events() -> Mapping[str, type[Event]]:
    """Event classes by type on the wire. A class of changes to a resource is there four times."""
    return unique((type_, event) for event in event_classes() for type_ in event.types())


@cache
def event_classes() -> tuple[type[Event], ...]:
    return tuple(
        value
        for module in modules(takt_contracts)
        for value in vars(module).values()
        if is_told(value) and value.__module__ == module.__name__
    )


@cache
def resources() -> Mapping[str, ResourceContract[Any, Any]]:
    """Contracts by plural: the name in paths, import targets and templates."""
    return unique(
        (value.plural, value)
        for module in modules(takt_contracts)
        for value in vars(module).values()
        if isinstance(value, ResourceContract)
    )


@cache
def topics() -> Mapping[str, Topic]:
    return {name: topic_of(name, told) for name, told in by_topic(event_classes()).items()}


@cache
def templates() -> Mapping[str, ImportTemplate]:
    """The built-in template of every resource and every shipped record type, by id."""
    of_types = (template for kind in shipped() if (template := template_of_type(kind)) is not None)
    found = [*map(template_of, resources().values()), *of_types]
    return unique((template.id, template) for template in found)


def owner_of(name: str) -> str | None:
    """The service that answers /api/v1/<name>."""
    contract = resources().get(name)
    return PATHS.get(name) if contract is None else contract.owner


def modules(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        yield importlib.import_module(found.name)


def is_told(value: object) -> TypeGuard[type[Event]]:
    """Whether it is an event class of its own, not a base that others derive from."""
    if not (isinstance(value, type) and issubclass(value, Event)):
        return False
    return bool(value.service and value.entity and value.key and value.facts)


def unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """By name in order of names; the same thing seen twice is one, two things of one name are refused."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if found.setdefault(name, value) is not value:
            raise DuplicateContract(f"{name} is declared twice: {found[name]!r} and {value!r}")
    return dict(sorted(found.items()))


def by_topic(told: Iterable[type[Event]]) -> dict[str, list[type[Event]]]:
    found: dict[str, list[type[Event]]] = {}
    for event in told:
        found.setdefault(event.topic, []).append(event)
    return dict(sorted(found.items()))


def topic_of(name: str, told: list[type[Event]]) -> Topic:
    """Events on one topic share its key, so that one subject stays in one partition."""
    shapes = {(event.key, event.partitions, event.compacted) for event in told}
    if len(shapes) != 1:
        raise DuplicateContract(f"events on {name} disagree about key, partitions or compaction: {sorted(shapes)}")
    [(key, partitions, compacted)] = shapes
    return Topic(name, key, partitions, compacted, tuple(sorted(type_ for one in told for type_ in one.types())))
