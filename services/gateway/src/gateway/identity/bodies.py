"""What clients send and read about users and sign-ins."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from gateway.identity.errors import WeakPassword
from gateway.identity.rules import ACCESS_LIFE, account_name, weakness
from takt_contracts.problem import FieldError
from takt_contracts.roles import Role
from takt_contracts.scalars import Name

TYPED_LENGTH = 1_000
"""Longer than any password may be, so that every real one reaches the same answer."""


def spelled_account(name: str) -> str:
    """Refuse what two people could read as one another's name."""
    if account_name(name) != name.casefold() or any(sign.isspace() or sign == "/" for sign in name):
        raise ValueError("no spaces, slashes or look-alike letters")
    return account_name(name)


Typed = Annotated[str, Field(min_length=1, max_length=TYPED_LENGTH)]
Username = Annotated[str, Field(min_length=1, max_length=100, examples=["planner-1"]), AfterValidator(spelled_account)]
Roles = Annotated[frozenset[Role], Field(min_length=1)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class LoginBody(Body):
    """A user name and its password."""

    username: Typed
    password: SecretStr = Field(min_length=1, max_length=TYPED_LENGTH)


class RefreshBody(Body):
    """The refresh token that was handed out last."""

    refresh_token: SecretStr = Field(min_length=1, max_length=TYPED_LENGTH)


class Tokens(BaseModel):
    """The access token goes with every request; the refresh token is good for one refresh."""

    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a word of RFC 6750, no secret
    expires_in: int = Field(default=int(ACCESS_LIFE.total_seconds()), description="seconds")


class NewUser(Body):
    """A user and the password to begin with."""

    username: Username
    name: Name
    password: SecretStr = Field(min_length=1, max_length=TYPED_LENGTH)
    roles: Roles

    def judged_password(self) -> str:
        return judged(self.password, self.username, self.name)


class UserPatch(Body):
    """What changes; the rest stays. A new password or `active: false` ends the user's sign-ins."""

    name: Name | None = None
    password: SecretStr | None = Field(default=None, min_length=1, max_length=TYPED_LENGTH)
    roles: Roles | None = None
    active: bool | None = None


class UserView(BaseModel):
    """A user as administrators see it."""

    model_config = ConfigDict(from_attributes=True)

    username: str
    name: str
    roles: tuple[Role, ...]
    active: bool
    version: int
    created_at: datetime
    updated_at: datetime


class Me(BaseModel):
    """Who the access token speaks for."""

    id: str
    username: str
    name: str
    roles: tuple[Role, ...]


class RoleView(BaseModel):
    """A role and what it is for."""

    role: Role
    description: str


class Page(BaseModel):
    """Where the next page begins; None at the end."""

    next: str | None
    limit: int


class UserList(BaseModel):
    data: list[UserView]
    page: Page


class RoleList(BaseModel):
    data: list[RoleView]


def judged(password: SecretStr, username: str, name: str) -> str:
    """The password when it may be used. Raises WeakPassword."""
    typed = password.get_secret_value()
    reason = weakness(typed, username=username, name=name)
    if reason is not None:
        raise WeakPassword(reason, errors=[FieldError(pointer="/password", code=WeakPassword.code, detail=reason)])
    return typed
