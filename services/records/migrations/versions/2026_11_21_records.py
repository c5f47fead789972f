"""Record types with every schema they had, records with every version.

Why:    what is true is written once and never changed; the database refuses what would change it.
Phase:  expand.
Locks:  new tables only.
Undo:   drops them; types, records and their history are lost, their events stay in the outbox.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision, down_revision = "2026_11_21_records", "2026_11_21_machinery"

_TIME = sa.TIMESTAMP(timezone=True)

# The rules are triggers and not CHECKs: a broken CHECK writes the failing row, content included, into the server's log.
_VERSION_CONTINUES = """
CREATE FUNCTION version_continues() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.kind NOT IN ('created', 'revised', 'deleted')
       OR NEW.version < 1 OR (NEW.version = 1) <> (NEW.kind = 'created')
       OR (NEW.canonical IS NULL) <> (NEW.kind = 'deleted')
       OR NEW.digest <> encode(sha256(convert_to(NEW.salt || coalesce(NEW.canonical, 'null'), 'UTF8')), 'hex')
       OR NOT EXISTS (SELECT FROM records r WHERE r.id = NEW.record_id AND r.version >= NEW.version)
       OR NEW.version > 1 AND NOT EXISTS (
           SELECT FROM record_versions p
           WHERE p.record_id = NEW.record_id AND p.version = NEW.version - 1 AND p.kind <> 'deleted')
    THEN
        RAISE EXCEPTION 'the version does not continue the record'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'record_versions_version_continues_check',
                  SCHEMA = TG_TABLE_SCHEMA, TABLE = 'record_versions';
    END IF;
    RETURN NULL;
END $$
"""
_RECORD_IS_NEWEST_VERSION = """
CREATE FUNCTION record_is_newest_version() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM record_versions v
        WHERE v.record_id = NEW.id AND v.version = NEW.version
          AND (v.schema_version, v.refers_to, v.digest, v.salt, v.written_by)
            = (NEW.schema_version, NEW.refers_to, NEW.digest, NEW.salt, NEW.updated_by)
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
_TYPE_KEEPS_ITS_SCHEMAS = """
CREATE FUNCTION type_keeps_its_schemas() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.access_class NOT IN ('general', 'quality', 'health')
       OR NOT EXISTS (
        SELECT FROM record_schemas s
        WHERE s.record_type = NEW.name AND s.schema_version = NEW.schema_version AND s.schema_text = NEW.schema_text)
       OR TG_OP = 'UPDATE' AND (NEW.schema_version < OLD.schema_version
           OR (OLD.name, OLD.access_class) <> (NEW.name, NEW.access_class))
    THEN
        RAISE EXCEPTION 'the type does not keep its schemas'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'record_types_type_keeps_its_schemas_check',
                  SCHEMA = TG_TABLE_SCHEMA, TABLE = 'record_types';
    END IF;
    RETURN NULL;
END $$
"""
_TRIGGERS = (
    ("version_continues", "INSERT", "record_versions"),
    ("record_is_newest_version", "INSERT OR UPDATE", "records"),
    ("type_keeps_its_schemas", "INSERT OR UPDATE", "record_types"),
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    _create_types()
    _create_records()
    for function in (_VERSION_CONTINUES, _RECORD_IS_NEWEST_VERSION, _TYPE_KEEPS_ITS_SCHEMAS):
        op.execute(function)
    for name, events, table in _TRIGGERS:
        op.execute(f"CREATE TRIGGER {name} AFTER {events} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")
    op.execute("REVOKE UPDATE, DELETE, TRUNCATE ON record_versions, record_schemas FROM records_app")
    op.execute("REVOKE DELETE, TRUNCATE ON records, record_types FROM records_app")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    for table in ("record_versions", "records", "record_schemas", "record_types"):
        op.drop_table(table, schema="records")
    for name, _, _ in _TRIGGERS:
        op.execute(f"DROP FUNCTION {name}()")


def _create_types() -> None:
    op.create_table(
        "record_types",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("schema_text", sa.Text, nullable=False, comment="JSON Schema 2020-12 in canonical form"),
        sa.Column("schema_version", sa.Integer, nullable=False, comment="counts the schemas of the type"),
        sa.Column("access_class", sa.String(20), nullable=False),
        sa.Column("creator_roles", JSONB, nullable=False, comment="who may create records of it"),
        sa.Column("reason_required", sa.Boolean, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="record_types_pkey"),
        sa.UniqueConstraint("name", name="record_types_name_key"),
        schema="records",
        comment="Kinds of record, each with its newest schema",
    )
    op.create_table(
        "record_schemas",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("record_type", sa.String(40), nullable=False),
        sa.Column("schema_version", sa.Integer, nullable=False),
        sa.Column("schema_text", sa.Text, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="record_schemas_pkey"),
        sa.UniqueConstraint("record_type", "schema_version", name="record_schemas_record_type_schema_version_key"),
        sa.ForeignKeyConstraint(["record_type"], ["records.record_types.name"], name="record_schemas_record_type_fkey"),
        schema="records",
        comment="Every schema of every type, so that old versions stay readable; append-only",
    )


def _create_records() -> None:
    op.create_table(
        "records",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("record_type", sa.String(40), nullable=False),
        sa.Column("access_class", sa.String(20), nullable=False),
        sa.Column("schema_version", sa.Integer, nullable=False),
        sa.Column("refers_to", JSONB, nullable=False, comment="what it is about, as paths below /api/v1"),
        sa.Column("canonical", sa.Text, comment="the content in canonical form (RFC 8785)"),
        sa.Column("reason", sa.String(2000)),
        sa.Column("digest", sa.String(64), nullable=False, comment="sha256 of salt and content, in hex"),
        sa.Column("salt", sa.String(32), nullable=False),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.Column("updated_by", sa.String(200), nullable=False),
        sa.Column("deleted_at", _TIME),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="records_pkey"),
        sa.ForeignKeyConstraint(["record_type"], ["records.record_types.name"], name="records_record_type_fkey"),
        schema="records",
        comment="The newest version of each record",
    )
    op.create_index("records_record_type_id_idx", "records", ["record_type", "id"], schema="records")
    op.create_index("records_created_by_id_idx", "records", ["created_by", "id"], schema="records")
    op.create_index(
        "records_refers_to_idx",
        "records",
        ["refers_to"],
        schema="records",
        postgresql_using="gin",
        postgresql_ops={"refers_to": "jsonb_path_ops"},
    )
    op.create_table(
        "record_versions",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("record_id", sa.Uuid, nullable=False),
        sa.Column(
            "version", sa.BigInteger, nullable=False, comment="counts the versions of a record from 1 without gaps"
        ),
        sa.Column("kind", sa.String(20), nullable=False, comment="created, revised or deleted"),
        sa.Column("schema_version", sa.Integer, nullable=False),
        sa.Column("refers_to", JSONB, nullable=False),
        sa.Column("canonical", sa.Text, comment="null in a deletion"),
        sa.Column("reason", sa.String(2000)),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("salt", sa.String(32), nullable=False),
        sa.Column("written_by", sa.String(200), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="record_versions_pkey"),
        sa.UniqueConstraint("record_id", "version", name="record_versions_record_id_version_key"),
        sa.ForeignKeyConstraint(["record_id"], ["records.records.id"], name="record_versions_record_id_fkey"),
        schema="records",
        comment="Every version of every record; append-only",
    )
