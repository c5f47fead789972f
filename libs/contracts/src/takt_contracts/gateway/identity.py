"""Users and their sign-ins. Passwords and tokens are in no event."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from pydantic import Field

from takt_contracts.event import Event
from takt_contracts.resource import Stored
from takt_contracts.roles import Role
from takt_contracts.scalars import Name, UtcDatetime


class User(Stored):
    """Somebody who may sign in, unless not `active`."""

    username: Name = Field(examples=["planner-1"])
    name: Name = Field(examples=["Planner 01"])
    roles: tuple[Role, ...] = Field(examples=[["PLANNER"]])
    active: bool = Field(examples=[True])


class UserEvent(Event):
    """What all facts about a user share. Of each user the newest is kept: nobody needs the roles of last year."""

    service: ClassVar[str] = "gateway"
    entity: ClassVar[str] = "user"
    key: ClassVar[tuple[str, ...]] = ("username",)
    compacted: ClassVar[bool] = True

    state: User


class UserCreated(UserEvent):
    """A user may sign in from now on."""

    fact: ClassVar[str] = "created"


class UserChanged(UserEvent):
    """Name, roles or state of a user changed, or the password did."""

    fact: ClassVar[str] = "updated"


class SignIn(Stored):
    """One sign-in, from the password to its end. Its id is the `sid` of its access tokens."""

    user_id: UUID = Field(examples=["0195570a-0000-7000-8000-000000000001"])
    expires_at: UtcDatetime
    ended_at: UtcDatetime | None = Field(None, examples=[None])
    ended_because: Name | None = None


class SignInEvent(Event):
    """What all facts about a sign-in share."""

    service: ClassVar[str] = "gateway"
    entity: ClassVar[str] = "sign-in"
    key: ClassVar[tuple[str, ...]] = ("id",)

    state: SignIn


class SignedIn(SignInEvent):
    """A user signed in."""

    fact: ClassVar[str] = "opened"


class SignInEnded(SignInEvent):
    """A user signed out, or the sign-in was revoked."""

    fact: ClassVar[str] = "ended"
    sample: ClassVar[Mapping[str, Any]] = {"ended_at": "2026-03-02T14:00:00Z", "ended_because": "logout"}
