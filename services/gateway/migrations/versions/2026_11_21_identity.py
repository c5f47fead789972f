"""Users, their sign-ins and refresh tokens, and attempts that are slowed down.

Why:    one front door knows who comes in; tokens are kept as digests, passwords as hashes.
Phase:  expand.
Locks:  new tables only.
Undo:   drops them; users and running sign-ins are lost, their events stay in the outbox.
"""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "2026_11_21_identity", "2026_11_21_machinery"

_TIME = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    _create_users()
    _create_sign_ins()
    _create_refresh_tokens()
    _create_attempts()


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    for table in ("sign_in_attempts", "refresh_tokens", "sign_ins", "users"):
        op.drop_table(table, schema="gateway")


def _create_users() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("username", sa.String(100), nullable=False, comment="spelled in the one way that signs in"),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("password_hash", sa.String(255), nullable=False, comment="argon2id with its parameters"),
        sa.Column("held_roles", sa.String(200), nullable=False, comment="sorted, with blanks between"),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("sign_ins_from", _TIME, nullable=False, comment="sign-ins opened before this are over"),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="users_pkey"),
        sa.UniqueConstraint("username", name="users_username_key"),
        schema="gateway",
        comment="Who may sign in",
    )


def _create_sign_ins() -> None:
    op.create_table(
        "sign_ins",
        sa.Column("id", sa.Uuid, nullable=False, comment="sid of its access tokens"),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("ended_at", _TIME),
        sa.Column("ended_because", sa.String(20)),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="sign_ins_pkey"),
        sa.ForeignKeyConstraint(["user_id"], ["gateway.users.id"], name="sign_ins_user_id_fkey"),
        schema="gateway",
        comment="Sign-ins, from the password to the end",
    )
    op.create_index("sign_ins_user_id_idx", "sign_ins", ["user_id"], schema="gateway")


def _create_refresh_tokens() -> None:
    op.create_table(
        "refresh_tokens",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False, comment="sha256 of the token, which is nowhere"),
        sa.Column("sign_in_id", sa.Uuid, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("used_at", _TIME, comment="set once, by the one refresh that wins"),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="refresh_tokens_pkey"),
        sa.UniqueConstraint("digest", name="refresh_tokens_digest_key"),
        sa.ForeignKeyConstraint(
            ["sign_in_id"], ["gateway.sign_ins.id"], name="refresh_tokens_sign_in_id_fkey", ondelete="CASCADE"
        ),
        schema="gateway",
        comment="One line of refresh tokens for each sign-in",
    )
    op.create_index("refresh_tokens_sign_in_id_idx", "refresh_tokens", ["sign_in_id"], schema="gateway")


def _create_attempts() -> None:
    op.create_table(
        "sign_in_attempts",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("account", sa.LargeBinary(32), nullable=False, comment="sha256 of the name that was tried"),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("last_at", _TIME, nullable=False),
        sa.Column("blocked_until", _TIME),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="sign_in_attempts_pkey"),
        sa.UniqueConstraint("account", "source", name="sign_in_attempts_account_source_key"),
        sa.CheckConstraint("failures > 0", name=op.f("sign_in_attempts_counts_up_check")),
        schema="gateway",
        comment="Failed sign-ins, of accounts that exist and of others",
    )
