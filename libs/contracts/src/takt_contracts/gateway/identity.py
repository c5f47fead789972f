"""Users and their sign-ins. Passwords and tokens are in no event."""

from typing import ClassVar
from uuid import UUID

from takt_contracts.event import Event
from takt_contracts.resource import Stored
from takt_contracts.roles import Role
from takt_contracts.scalars import Name, UtcDatetime


class User(Stored):
    """Somebody who may sign in, unless not `active`."""

    username: Name
    name: Name
    roles: tuple[Role, ...]
    active: bool


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

    user_id: UUID
    expires_at: UtcDatetime
    ended_at: UtcDatetime | None = None
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
