"""What changes users and sign-ins. No handler holds a connection while a password is hashed: that happens before."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import any_, bindparam, func, literal, select, update

from gateway.identity.errors import LastAdministrator
from gateway.identity.model import RefreshToken, SignIn, User, roles_text
from gateway.identity.rules import REFRESH_LIFE, SIGN_IN_LIFE
from plantkit.db.engine import compile_statement
from plantkit.db.tx import Tx
from plantkit.errors import Stale
from takt_contracts.gateway.identity import SignedIn, UserCreated
from takt_contracts.roles import Role

_USERS = compile_statement(select(func.count()).select_from(User))
_ROLES = func.string_to_array(User.held_roles, " ")
_OTHER_ADMINISTRATORS = compile_statement(
    select(User.id)
    .where(User.active, literal(Role.ADMIN.value) == any_(_ROLES), User.id != bindparam("id"))
    .order_by(User.id)
    .with_for_update()
)
_NEW_HASH = compile_statement(
    update(User)
    .where(User.id == bindparam("user"), User.password_hash == bindparam("old"))
    .values(password_hash=bindparam("new"))
)
_ONE_AT_A_TIME = compile_statement(select(func.pg_advisory_xact_lock(bindparam("lock"))))
_FIRST_USER_LOCK = 7_205_759_403_792_793


@dataclass(frozen=True, kw_only=True)
class CreateUser:
    """A new user with a password that was judged and hashed before."""

    username: str
    name: str
    password_hash: str
    roles: Sequence[Role]


async def create_user(tx: Tx, cmd: CreateUser) -> User:
    user = tx.new(
        User,
        username=cmd.username,
        name=cmd.name,
        password_hash=cmd.password_hash,
        held_roles=roles_text(cmd.roles),
        active=True,
        sign_ins_from=tx.now,
    )
    user.record(UserCreated)
    return user


async def create_first_user(tx: Tx, cmd: CreateUser) -> User | None:
    """Only where nobody exists yet, however many replicas start at once."""
    await tx.begin()
    await tx.fetch(_ONE_AT_A_TIME, lock=_FIRST_USER_LOCK)
    [count] = await tx.fetch(_USERS)
    return None if count[0] else await create_user(tx, cmd)


@dataclass(frozen=True, kw_only=True)
class ChangeUser:
    """New name, roles, password or state of a user; None leaves a thing as it is."""

    username: str
    version: int
    name: str | None = None
    roles: Sequence[Role] | None = None
    active: bool | None = None
    password_hash: str | None = None


async def change_user(tx: Tx, cmd: ChangeUser) -> User:
    """A user who is disabled, or whose password is new, loses the running sign-ins at the door."""
    user = await tx.one(User, lock=True, username=cmd.username)
    if user.version != cmd.version:
        raise Stale("The user was changed by somebody else in the meantime.")
    was_administrator = user.administers
    user.change(name=cmd.name, roles=cmd.roles, active=cmd.active, password_hash=cmd.password_hash)
    if was_administrator and not user.administers and not await tx.fetch(_OTHER_ADMINISTRATORS, id=user.id):
        raise LastAdministrator("This is the last active administrator.", username=user.username)
    return user


@dataclass(frozen=True, kw_only=True)
class OpenSignIn:
    """Begin a sign-in of a user whose password was just found right."""

    user_id: UUID
    digest: bytes


async def open_sign_in(tx: Tx, cmd: OpenSignIn) -> SignIn:
    opened = tx.new(
        SignIn,
        user_id=cmd.user_id,
        expires_at=tx.now + SIGN_IN_LIFE,
        ended_at=None,
        ended_because=None,
    )
    opened.record(SignedIn)
    tx.add(
        RefreshToken,
        digest=cmd.digest,
        sign_in_id=opened.id,
        expires_at=min(tx.now + REFRESH_LIFE, opened.expires_at),
        used_at=None,
    )
    return opened


@dataclass(frozen=True, kw_only=True)
class ChangeHash:
    """The same password under today's hash parameters: nothing that anyone need be told."""

    user_id: UUID
    old: str
    new: str


async def change_hash(tx: Tx, cmd: ChangeHash) -> None:
    """A password that was changed meanwhile wins."""
    await tx.execute(_NEW_HASH, user=cmd.user_id, old=cmd.old, new=cmd.new)


@dataclass(frozen=True, kw_only=True)
class EndSignIn:
    """End a sign-in: its access tokens stop working at the door, its refresh token for good."""

    sign_in_id: UUID
    because: str


async def end_sign_in(tx: Tx, cmd: EndSignIn) -> SignIn | None:
    """Ending twice is ending once."""
    sign_in = await tx.maybe(SignIn, lock=True, id=cmd.sign_in_id)
    if sign_in is not None and sign_in.ended_at is None:
        sign_in.end(cmd.because)
    return sign_in
