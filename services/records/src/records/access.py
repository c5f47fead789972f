"""Who reads which class of record. Pure.

`quality` is read by everyone who is signed in, as `general` is: its events are in the log and on the live stream for
everyone who is signed in, so a narrower rule here would be a promise that the stream breaks. The two differ in who
writes, which each type says itself.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from plantkit.auth.principal import Principal
from takt_contracts.records.record_types import AccessClass
from takt_contracts.roles import Role

READERS: Final[Mapping[AccessClass, Role]] = {
    AccessClass.GENERAL: Role.VIEWER,
    AccessClass.QUALITY: Role.VIEWER,
    AccessClass.HEALTH: Role.HEALTH,
}
"""The role that a reader needs; ADMIN holds every role, and everyone who is signed in is a VIEWER."""


def may_read(principal: Principal, access_class: str) -> bool:
    return principal.has(READERS[AccessClass(access_class)])


def readable(principal: Principal) -> list[str]:
    """The classes that this caller reads."""
    return [str(one) for one in AccessClass if may_read(principal, one)]


def hidden_from(principal: Principal, seen_by: Mapping[str, Sequence[Role]]) -> frozenset[str]:
    """The fields that this caller does not see; `seen_by` names the roles that see each."""
    return frozenset(name for name, roles in seen_by.items() if not principal.has(*roles))
