"""What every event has in common: its name on the wire, the version and the full state after the change."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict

from takt_contracts.scalars import Version


def schema_id(type_: str) -> str:
    """What `dataschema` says of events of this type, and `$id` in the schema's own file."""
    return f"urn:takt:schema:{type_}"


class _TypeName:
    """`OperationStarted.type` of a class, `event.type` of one event: takt.<service>.<entity>.<fact>.v1."""

    def __get__(self, event: "Event | None", owner: "type[Event]") -> str:
        if event is not None:
            return owner.type_of(event.told)
        if len(owner.facts) != 1:
            raise TypeError(f"{owner.__name__} is told as any of {owner.types()}: ask one event, or `types()`.")
        return owner.type_of(owner.facts[0])


class _TopicName:
    """The topic of a class or of one event: takt.<service>.<entity>."""

    def __get__(self, event: "Event | None", owner: "type[Event]") -> str:
        return f"takt.{owner.service}.{owner.entity}"


class Event(BaseModel):
    """A past fact. Subclasses say where it belongs (`service`, `entity`, `key`) and what happened (`fact`).

    A reader ignores what it does not know; the newest version of a subject wins. `sample` holds what the state of the
    documented example has of its own. `internal` ones carry work between two services and are on no screen or stream.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    service: ClassVar[str] = ""
    entity: ClassVar[str] = ""
    key: ClassVar[tuple[str, ...]] = ()
    fact: ClassVar[str] = ""
    facts: ClassVar[tuple[str, ...]] = ()
    partitions: ClassVar[int] = 6
    compacted: ClassVar[bool] = False
    internal: ClassVar[bool] = False
    sample: ClassVar[Mapping[str, Any]] = {}
    topic: ClassVar[_TopicName] = _TopicName()
    type: ClassVar[_TypeName] = _TypeName()

    version: Version
    state: BaseModel

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        if cls.fact:
            cls.facts = (cls.fact,)

    @classmethod
    def of(cls, stored: Any, **facts: Any) -> Self:
        """The event about something stored, as it is now, beside the fact's own words."""
        return cls.model_validate({"version": stored.version, "state": stored, **facts}, from_attributes=True)

    @classmethod
    def type_of(cls, fact: str) -> str:
        return f"takt.{cls.service}.{cls.entity}.{fact}.v1"

    @classmethod
    def types(cls) -> tuple[str, ...]:
        """One for a named fact; four for a changed resource."""
        return tuple(cls.type_of(fact) for fact in cls.facts)

    @classmethod
    def sample_of(cls, fact: str) -> Mapping[str, Any]:
        """What the state of the documented example of one fact has of its own."""
        return cls.sample

    @property
    def told(self) -> str:
        """Which of its `facts` this one is."""
        return self.fact

    @property
    def dataref(self) -> str | None:
        """Where the content is that the event itself does not carry."""
        return None

    @property
    def is_confidential(self) -> bool:
        """Whether a part of it is for its reader alone, and closed on the log."""
        return False

    def closed(self, close: Callable[[bytes], str]) -> Self:
        """As it may be on the log."""
        return self

    def opened(self, open_: Callable[[str], bytes]) -> Self:
        """As it was told. Raises ValueError."""
        return self

    @property
    def subject(self) -> str:
        """The business key; key of the record on Kafka too. Parts hold no slash, so the join is unambiguous."""
        return "/".join(str(getattr(self.state, name)) for name in self.key)
