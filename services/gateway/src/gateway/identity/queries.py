"""Reads of users and sign-ins."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
from sqlalchemy import bindparam, select

from gateway.identity.model import SignIn, User, roles_from
from gateway.identity.rules import account_name
from plantkit.db.engine import Database, compile_statement
from takt_contracts.roles import Role

_BY_NAME = compile_statement(
    select(User.id, User.username, User.name, User.held_roles, User.active, User.password_hash).where(
        User.username == bindparam("username")
    )
)
_RUNNING = compile_statement(
    select(User.held_roles)
    .join(SignIn, SignIn.user_id == User.id)
    .where(
        SignIn.id == bindparam("sign_in_id"),
        SignIn.ended_at.is_(None),
        SignIn.expires_at > bindparam("now"),
        User.active,
        User.sign_ins_from <= SignIn.created_at,
    )
)
_PUBLIC = (User.username, User.name, User.held_roles, User.active, User.version, User.created_at, User.updated_at)
_PAGE = compile_statement(
    select(*_PUBLIC).where(User.username > bindparam("after")).order_by(User.username).limit(bindparam("limit"))
)
_ONE = compile_statement(select(*_PUBLIC).where(User.username == bindparam("username")))
_BY_ID = compile_statement(select(*_PUBLIC).where(User.id == bindparam("id")))


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What signing in needs to know of a user."""

    id: UUID
    username: str
    name: str
    roles: tuple[Role, ...]
    active: bool
    password_hash: str


@dataclass(frozen=True, kw_only=True)
class UserLine:
    """A user without what only signing in needs."""

    username: str
    name: str
    roles: tuple[Role, ...]
    active: bool
    version: int
    created_at: datetime
    updated_at: datetime


async def credentials(db: Database, username: str) -> Credentials | None:
    for row in await db.fetch(_BY_NAME, username=account_name(username)[:100]):
        told = dict(row)
        return Credentials(roles=roles_from(told.pop("held_roles")), **told)
    return None


async def running_roles(db: Database, sign_in_id: UUID, now: datetime) -> frozenset[Role] | None:
    """Roles that the user of a running sign-in holds now; None when the sign-in is over."""
    for row in await db.fetch(_RUNNING, sign_in_id=sign_in_id, now=now):
        return frozenset(roles_from(row["held_roles"]))
    return None


async def users(db: Database, *, after: str, limit: int) -> list[UserLine]:
    return [_line(row) for row in await db.fetch(_PAGE, after=after, limit=limit)]


async def user(db: Database, username: str) -> UserLine | None:
    return next((_line(row) for row in await db.fetch(_ONE, username=account_name(username))), None)


async def user_by_id(db: Database, user_id: UUID) -> UserLine | None:
    return next((_line(row) for row in await db.fetch(_BY_ID, id=user_id)), None)


def _line(row: asyncpg.Record) -> UserLine:
    told = dict(row)
    return UserLine(roles=roles_from(told.pop("held_roles")), **told)
