"""Keep parameters and photos with workshop entries.

Why:    what a process was run with belongs to the entry, and so do the pictures of how it came out.
Phase:  expand.
Locks:  catalogue only: the default of a list is no rewrite. Gives up after 3 s rather than queue behind a long read.
Undo:   drops them; what was entered since then is lost, its events stay in the outbox.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision, down_revision = "2026_11_21_workshop_lists", "2026_11_21_statistics"

_LISTS = ("parameters", "photos")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    for name in _LISTS:
        empty = sa.text("'[]'::jsonb")
        op.add_column(
            "workshop_entries", sa.Column(name, JSONB, nullable=False, server_default=empty), schema="operations"
        )
        rule = f"jsonb_typeof({name}) = 'array'"
        op.create_check_constraint(f"{name}_is_a_list", "workshop_entries", rule, schema="operations")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    for name in _LISTS:
        op.drop_column("workshop_entries", name, schema="operations")
