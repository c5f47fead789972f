"""Types say their business key, what is searched, who sees what, how long records are kept; versions their lifecycle.

Why:    a record is found by its key, relied upon by its lifecycle, and kept and shown as its type says.
Phase:  expand.
Locks:  short ones on four tables; columns with constant defaults rewrite nothing. The indexes are built under lock.
Undo:   drops the columns; keys, lifecycles and what types said are lost, events keep them.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision, down_revision = "2026_11_21_types_say_more", "2026_11_21_records"

_MOVES = """
             AND (NEW.kind = 'deleted' OR p.lifecycle = 'draft'
                  OR p.lifecycle = 'final' AND NEW.lifecycle <> 'draft')"""
_WORDS = """
       OR NEW.lifecycle NOT IN ('draft', 'final', 'entered-in-error')"""
_VERSION_CONTINUES = """
CREATE OR REPLACE FUNCTION version_continues() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.kind NOT IN ('created', 'revised', 'deleted'){words}
       OR NEW.version < 1 OR (NEW.version = 1) <> (NEW.kind = 'created')
       OR (NEW.canonical IS NULL) <> (NEW.kind = 'deleted')
       OR NEW.digest <> encode(sha256(convert_to(NEW.salt || coalesce(NEW.canonical, 'null'), 'UTF8')), 'hex')
       OR NOT EXISTS (SELECT FROM records r WHERE r.id = NEW.record_id AND r.version >= NEW.version)
       OR NEW.version > 1 AND NOT EXISTS (
           SELECT FROM record_versions p
           WHERE p.record_id = NEW.record_id AND p.version = NEW.version - 1 AND p.kind <> 'deleted'{moves})
    THEN
        RAISE EXCEPTION 'the version does not continue the record'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'record_versions_version_continues_check',
                  SCHEMA = TG_TABLE_SCHEMA, TABLE = 'record_versions';
    END IF;
    RETURN NULL;
END $$
"""
_RECORD_IS_NEWEST_VERSION = """
CREATE OR REPLACE FUNCTION record_is_newest_version()
RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM record_versions v
        WHERE v.record_id = NEW.id AND v.version = NEW.version
          AND (v.schema_version, v.refers_to, v.digest, v.salt, v.written_by{column})
            = (NEW.schema_version, NEW.refers_to, NEW.digest, NEW.salt, NEW.updated_by{new_column})
          AND (v.canonical, v.reason) IS NOT DISTINCT FROM (NEW.canonical, NEW.reason)
          AND (v.kind = 'deleted') = (NEW.deleted_at IS NOT NULL))
       OR NOT EXISTS (
        SELECT FROM record_types t WHERE t.name = NEW.record_type AND t.access_class = NEW.access_class)
       OR TG_OP = 'UPDATE' AND (OLD.deleted_at IS NOT NULL OR NEW.version <= OLD.version
           OR (OLD.id, OLD.record_type, OLD.access_class, OLD.created_by, OLD.created_at)
           <> (NEW.id, NEW.record_type, NEW.access_class, NEW.created_by, NEW.created_at))
    THEN
        RAISE EXCEPTION 'the record is not its newest version'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'records_record_is_newest_version_check',
                  SCHEMA = TG_TABLE_SCHEMA, TABLE = 'records';
    END IF;
    RETURN NULL;
END $$
"""
_WITH = {"column": ", v.lifecycle", "new_column": ", NEW.lifecycle"}
_WITHOUT = {"column": "", "new_column": ""}


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    for column in _type_columns():
        op.add_column("record_types", column, schema="records")
    for table in ("records", "record_versions"):
        op.add_column(table, _lifecycle(), schema="records")
    for column in _record_columns():
        op.add_column("records", column, schema="records")
    op.create_unique_constraint(
        "records_record_type_business_key_key", "records", ["record_type", "business_key"], schema="records"
    )
    op.create_index(
        "records_searched_idx",
        "records",
        ["searched"],
        schema="records",
        postgresql_using="gin",
        postgresql_ops={"searched": "jsonb_path_ops"},
    )
    op.execute(_VERSION_CONTINUES.format(moves=_MOVES, words=_WORDS))
    op.execute(_RECORD_IS_NEWEST_VERSION.format(**_WITH))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(_RECORD_IS_NEWEST_VERSION.format(**_WITHOUT))
    op.execute(_VERSION_CONTINUES.format(moves="", words=""))
    op.drop_index("records_searched_idx", "records", schema="records")
    op.drop_constraint("records_record_type_business_key_key", "records", schema="records")
    for table in ("records", "record_versions"):
        op.drop_column(table, "lifecycle", schema="records")
    for column in _record_columns():
        op.drop_column("records", column.name, schema="records")
    for column in _type_columns():
        op.drop_column("record_types", column.name, schema="records")


def _lifecycle() -> sa.Column[str]:
    return sa.Column(
        "lifecycle",
        sa.String(20),
        nullable=False,
        server_default=sa.text("'final'"),
        comment="draft, final or entered-in-error",
    )


def _type_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column(
            "key_fields", JSONB, nullable=False, server_default=sa.text("'[]'"), comment="fields of the business key"
        ),
        sa.Column(
            "searched_fields", JSONB, nullable=False, server_default=sa.text("'[]'"), comment="what lists filter by"
        ),
        sa.Column(
            "seen_by", JSONB, nullable=False, server_default=sa.text("'{}'"), comment="roles that see a hidden field"
        ),
        sa.Column(
            "retention_days", sa.Integer, nullable=False, server_default=sa.text("0"), comment="shortest keeping time"
        ),
    ]


def _record_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("business_key", sa.String(64), comment="sha256 of the values of the key; null when deleted"),
        sa.Column(
            "searched", JSONB, nullable=False, server_default=sa.text("'{}'"), comment="values that lists filter by"
        ),
    ]
