"""Who is asking."""

from dataclasses import dataclass
from typing import Literal

from takt_contracts.roles import Role

ActorKind = Literal["user", "api_key", "service", "system"]


@dataclass(frozen=True, slots=True)
class Principal:
    """A signed-in user, an API key, another service, or the system itself. ADMIN holds every role."""

    id: str
    kind: ActorKind
    roles: frozenset[Role]
    name: str

    def has(self, *roles: Role) -> bool:
        """Whether one of `roles` is held. VIEWER is held by everyone who is signed in."""
        return Role.ADMIN in self.roles or Role.VIEWER in roles or not self.roles.isdisjoint(roles)


SYSTEM = Principal(id="system", kind="system", roles=frozenset({Role.ADMIN}), name="Takt")
