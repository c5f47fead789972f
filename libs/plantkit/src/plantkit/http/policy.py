"""What an endpoint declares about its callers and their headers, as decorators that leave the function as it is."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from fastapi import Request

from takt_contracts.roles import Role

E = TypeVar("E", bound=Callable[..., Any])
Guard = Callable[[Request], Awaitable[int | None]]
"""Raises NotFound when what the path names is not there; answers its version where it has one."""
RolesOf = Callable[[Request], frozenset[Role]]
"""Roles that may use what the path names; none where the path alone does not say."""
_NAME = "__takt_policy__"
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True, slots=True)
class Policy:
    roles: frozenset[Role] = frozenset()
    public: bool = False
    keyed: bool = False
    matched: bool = False
    forwarded: bool = False
    query: frozenset[str] = frozenset()
    guard: Guard | None = None
    narrowed: RolesOf | None = None

    def roles_for(self, request: Request) -> frozenset[Role]:
        """One of these the caller must hold."""
        own = self.narrowed(request) if self.narrowed is not None else frozenset()
        return own or self.roles


def policy_of(endpoint: Callable[..., Any]) -> Policy:
    found: Policy = getattr(endpoint, _NAME, Policy())
    return found


def _with(**changes: Any) -> Callable[[E], E]:
    def decorate(endpoint: E) -> E:
        setattr(endpoint, _NAME, replace(policy_of(endpoint), **changes))
        return endpoint

    return decorate


def allow(*roles: Role) -> Callable[[E], E]:
    """Signed-in callers with one of these roles. ADMIN always; VIEWER means everyone who is signed in."""
    if not roles:
        raise TypeError("@allow needs at least one role")
    return _with(roles=frozenset(roles))


def narrowed(roles_of: RolesOf) -> Callable[[E], E]:
    """Beside `allow`, which names every role that may ever come in: those that may for this path."""
    return _with(narrowed=roles_of)


def public(endpoint: E) -> E:
    """Everyone, signed in or not."""
    return _with(public=True)(endpoint)


def keyed(endpoint: E) -> E:
    """Idempotency-Key is required, not just honoured."""
    return _with(keyed=True)(endpoint)


def matched(endpoint: E) -> E:
    """If-Match is required. The endpoint takes it as `match: Match` and checks it against the row that it locked."""
    return _with(matched=True)(endpoint)


def guarded(guard: Guard) -> Callable[[E], E]:
    """Asked before a 422 is answered, so that what is missing or stale is told first."""
    return _with(guard=guard)


def queried(*names: str) -> Callable[[E], E]:
    """Query names that the endpoint reads itself; all others are refused."""
    return _with(query=frozenset(names))


def forwarded(endpoint: E) -> E:
    """Query and consistency token are judged by the service that the request is passed to."""
    return _with(forwarded=True)(endpoint)
