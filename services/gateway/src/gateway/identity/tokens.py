"""Refresh tokens: made at random, stored as a digest, used up in one statement."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, delete, func, insert, literal_column, select, update

from gateway.identity.commands import EndSignIn, end_sign_in
from gateway.identity.model import RefreshToken, SignIn, User, roles_from
from gateway.identity.rules import REFRESH_LIFE
from plantkit.db.engine import compile_statement
from plantkit.db.tx import Tx
from plantkit.ids import new_id
from takt_contracts.roles import Role

REUSED = "token-reused"


def new_token() -> str:
    """256 random bits; nothing in it means anything."""
    return secrets.token_urlsafe(32)


def digest_of(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


_used = (
    update(RefreshToken)
    .where(
        RefreshToken.digest == bindparam("old"),
        RefreshToken.used_at.is_(None),
        RefreshToken.expires_at > bindparam("now"),
        SignIn.id == RefreshToken.sign_in_id,
        SignIn.ended_at.is_(None),
        SignIn.expires_at > bindparam("now"),
        User.id == SignIn.user_id,
        User.active,
        User.sign_ins_from <= SignIn.created_at,
    )
    .values(used_at=bindparam("now"))
    .returning(
        SignIn.id.label("sign_in_id"),
        SignIn.expires_at.label("ends"),
        User.id.label("user_id"),
        User.name,
        User.held_roles,
    )
    .cte("used")
)
_made = (
    insert(RefreshToken)
    .from_select(
        ["id", "created_at", "digest", "sign_in_id", "expires_at"],
        select(
            bindparam("id", type_=RefreshToken.id.type),
            bindparam("now", type_=RefreshToken.created_at.type),
            bindparam("new", type_=RefreshToken.digest.type),
            _used.c.sign_in_id,
            func.least(_used.c.ends, bindparam("until", type_=RefreshToken.expires_at.type)),
        ),
    )
    .returning(literal_column("1"))
    .cte("made")
)
_ROTATE = compile_statement(select(_used).add_cte(_made))
_USED_BEFORE = compile_statement(
    select(RefreshToken.sign_in_id).where(RefreshToken.digest == bindparam("old"), RefreshToken.used_at.is_not(None))
)

_OVER = compile_statement(
    delete(RefreshToken).where(RefreshToken.sign_in_id == SignIn.id, SignIn.expires_at < bindparam("now"))
)


@dataclass(frozen=True, kw_only=True)
class Rotate:
    """Use up one refresh token and put another in its place."""

    old: bytes
    new: bytes


@dataclass(frozen=True, kw_only=True)
class Rotated:
    """Whose sign-in goes on."""

    user_id: UUID
    name: str
    roles: tuple[Role, ...]
    sign_in_id: UUID
    now: datetime


async def rotate(tx: Tx, cmd: Rotate) -> Rotated | None:
    """None when the token is no good; a token that was used before ends its whole sign-in, and that is kept."""
    await tx.begin()
    until = tx.now + REFRESH_LIFE
    used = await tx.fetch(_ROTATE, old=cmd.old, new=cmd.new, id=new_id(), now=tx.now, until=until)
    for row in used:
        return Rotated(
            user_id=row["user_id"],
            name=row["name"],
            roles=roles_from(row["held_roles"]),
            sign_in_id=row["sign_in_id"],
            now=tx.now,
        )
    for row in await tx.fetch(_USED_BEFORE, old=cmd.old):
        await end_sign_in(tx, EndSignIn(sign_in_id=row["sign_in_id"], because=REUSED))
    return None


async def sweep_tokens(tx: Tx, _: None) -> int:
    """Take away the tokens of sign-ins that are over; while one runs, used tokens stay, to be recognised."""
    return await tx.execute(_OVER, now=tx.now)
