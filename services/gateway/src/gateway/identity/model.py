"""Users, their sign-ins, the refresh tokens of each, and attempts that are being slowed down."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from gateway.db import Aggregate, Row
from takt_contracts.gateway.identity import SignInEnded, UserChanged
from takt_contracts.roles import Role


def roles_text(roles: Iterable[Role]) -> str:
    return " ".join(sorted(set(roles)))


def roles_from(text: str) -> tuple[Role, ...]:
    return tuple(Role(word) for word in text.split())


class User(Aggregate):
    """Somebody who may sign in. `username` is spelled by `rules.account_name`; the hash never leaves this table."""

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("username"),)

    username: Mapped[str] = mapped_column(String(100))
    name: Mapped[str] = mapped_column(String(200))
    password_hash: Mapped[str] = mapped_column(String(255))
    held_roles: Mapped[str] = mapped_column(String(200), comment="sorted, with blanks between")
    active: Mapped[bool]
    sign_ins_from: Mapped[datetime] = mapped_column(comment="sign-ins opened before this are over")

    @property
    def roles(self) -> tuple[Role, ...]:
        return roles_from(self.held_roles)

    @property
    def administers(self) -> bool:
        return self.active and Role.ADMIN in self.roles

    def change(
        self, *, name: str | None, roles: Sequence[Role] | None, active: bool | None, password_hash: str | None
    ) -> None:
        """None leaves a thing as it is. A new password or a disabled user ends every running sign-in."""
        self.name = self.name if name is None else name
        self.held_roles = self.held_roles if roles is None else roles_text(roles)
        self.active = self.active if active is None else active
        if password_hash is not None:
            self.password_hash = password_hash
        if password_hash is not None or active is False:
            self.sign_ins_from = self._now
        self.record(UserChanged)


class SignIn(Aggregate):
    """One sign-in, refreshed until it is ended, revoked, or over. Its id is the `sid` of every access token of it."""

    __tablename__ = "sign_ins"
    __table_args__ = (Index("sign_ins_user_id_idx", "user_id"),)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("gateway.users.id"))
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_because: Mapped[str | None] = mapped_column(String(20))

    def end(self, because: str) -> None:
        self.ended_at, self.ended_because = self._now, because
        self.record(SignInEnded)


class RefreshToken(Row):
    """Known by its digest only. `used_at` is set by the one refresh that wins."""

    __tablename__ = "refresh_tokens"
    __table_args__ = (UniqueConstraint("digest"), Index("refresh_tokens_sign_in_id_idx", "sign_in_id"))

    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    sign_in_id: Mapped[UUID] = mapped_column(ForeignKey("gateway.sign_ins.id", ondelete="CASCADE"))
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class SignInAttempts(Row):
    """Failures on one account from one source. Accounts that do not exist have a row too: they must look the same."""

    __tablename__ = "sign_in_attempts"
    __table_args__ = (UniqueConstraint("account", "source"), CheckConstraint("failures > 0", name="counts_up"))

    account: Mapped[bytes] = mapped_column(LargeBinary(32))
    source: Mapped[str] = mapped_column(String(64))
    failures: Mapped[int]
    last_at: Mapped[datetime]
    blocked_until: Mapped[datetime | None]
