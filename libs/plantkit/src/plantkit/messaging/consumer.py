"""Say what a function consumes. The rest (offsets, duplicates, order, failures) is the kit's."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plantkit.db.tx import Tx
from plantkit.messaging.read_models import ReadModel
from plantkit.messaging.records import Delivery
from takt_contracts import catalog
from takt_contracts.event import Event

View = Callable[[type[Event]], type[Event]]
"""Which model an event is read as, where the whole of it is more than a handler needs."""
Handler = Callable[[Tx, Sequence[Delivery[Any]]], Awaitable[None]]
BATCH = 2_000


def whole(event: type[Event]) -> type[Event]:
    """As the contract has it."""
    return event


class PartialConsumer(Exception):
    """Events that a consumer leaves out would look like gaps in the versions of those that it takes."""


@dataclass(frozen=True, kw_only=True)
class Consumer:
    """A handler with the events it takes and the group it takes them as. Can be called like the handler."""

    group: str
    events: tuple[type[Event], ...]
    handler: Handler
    keeps_version: bool = False
    batch: int = BATCH
    model: ReadModel | None = None
    view: View = whole

    async def __call__(self, tx: Tx, deliveries: Sequence[Delivery[Any]]) -> None:
        await self.handler(tx, deliveries)

    @property
    def bears_repetition(self) -> bool:
        """A read model whose tables refuse what they have: an inbox beside them would keep the same twice."""
        return self.model is not None and self.keeps_version

    @property
    def topics(self) -> tuple[str, ...]:
        return tuple(sorted({event.topic for event in self.events}))

    def refuse_gaps(self) -> None:
        """Raises PartialConsumer where the kit keeps the versions and would wait for events of other types for ever."""
        for name, topic in catalog.topics().items():
            left_out = set(topic.types) - self.types.keys()
            if name in self.topics and left_out and not (topic.compacted or self.keeps_version):
                raise PartialConsumer(f"{self.group} takes {name} without {sorted(left_out)}: take all of its events.")

    @property
    def types(self) -> Mapping[str, type[Event]]:
        """The models that events are read as, by type on the wire."""
        return {type_: self.view(event) for event in self.events for type_ in event.types()}


def consumes(
    *events: type[Event],
    group: str,
    keeps_version: bool = False,
    batch: int = BATCH,
    model: ReadModel | None = None,
    view: View = whole,
) -> Callable[[Handler], Consumer]:
    """Make a consumer of `async def handler(tx, deliveries)`.

    The handler gets the new events of a batch, in order per subject, inside one transaction, and touches nothing but
    the database. Its docstring says what happens when an event comes twice, and when it comes late.
    `group` is `<service>.<purpose>`. `keeps_version` says that the handler's own table refuses older versions; without
    it the kit remembers the newest version of every subject, and on topics that keep every event lets none pass an
    earlier one: name all events of such a topic, and leave alone what does not concern the handler. `model` names the
    tables that this consumer alone writes: readers can ask how fresh they are, and `takt rebuild` can make them again
    from the log. `view` reads less of each event than its contract has: the owner has checked all of it, and to check
    it again may cost more than the handler.
    """

    def made(handler: Handler) -> Consumer:
        about: dict[str, Any] = {"keeps_version": keeps_version, "batch": batch, "model": model, "view": view}
        return Consumer(group=group, events=events, handler=handler, **about)

    return made
