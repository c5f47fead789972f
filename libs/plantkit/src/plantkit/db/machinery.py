"""Tables of the kit in a service's schema: outbox and what is pending of it, relay slots, inbox, parking, idempotency;
staging where it owns.

Names are unqualified: each service's roles have `search_path` set to its schema, so one description serves all.
"""

from types import ModuleType

from alembic.operations import Operations
from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from plantkit.db.row import NAMING
from plantkit.db.searching import SHORTEST

SLOTS = 16
MACHINERY = MetaData(naming_convention=NAMING)
_TIME = TIMESTAMP(timezone=True)

OUTBOX = Table(
    "outbox",
    MACHINERY,
    Column("id", Uuid, nullable=False, comment="CloudEvents id"),
    Column("month", Date, nullable=False, comment="first day of the month; the partition"),
    Column("slot", SmallInteger, nullable=False, comment="crc32(aggregateid) % 16; owned by one relay at a time"),
    Column("aggregatetype", Text, nullable=False),
    Column("aggregateid", Text, nullable=False),
    Column("version", BigInteger, nullable=False, comment="version of the aggregate after this event"),
    Column("topic", Text, nullable=False),
    Column("key", Text, nullable=False, comment="CloudEvents subject; the record's key"),
    Column("type", Text, nullable=False),
    Column("time", _TIME, nullable=False, comment="when it happened"),
    Column("headers", JSONB, nullable=False, comment="the record's headers, complete"),
    Column("payload", Text, nullable=False, comment="the record's value, byte for byte"),
    Column("recorded_at", _TIME, nullable=False, server_default=text("clock_timestamp()")),
    PrimaryKeyConstraint("id", "month"),
    UniqueConstraint("aggregatetype", "aggregateid", "version", "month", name="outbox_aggregate_version_key"),
    Index("outbox_recorded_at_idx", "recorded_at"),
    postgresql_partition_by="RANGE (month)",
    comment="What happened, in the transaction that made it happen. Never changed, never deleted: it is the archive",
)

OUTBOX_PENDING = Table(
    "outbox_pending",
    MACHINERY,
    Column("id", Uuid, primary_key=True),
    Column("month", Date, nullable=False),
    Column("slot", SmallInteger, nullable=False),
    Column("aggregatetype", Text, nullable=False),
    Column("aggregateid", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("recorded_at", _TIME, nullable=False),
    Column("blocked", Text, comment="why it cannot be published; holds back its aggregate only"),
    Index("outbox_pending_in_order", "slot", "aggregatetype", "aggregateid", "version"),
    comment="Rows of the outbox that the broker has not acknowledged; a trigger of the outbox adds them",
    postgresql_with={"autovacuum_vacuum_scale_factor": 0, "autovacuum_vacuum_threshold": 10_000},
)

RELAY_SLOTS = Table(
    "relay_slots",
    MACHINERY,
    Column("slot", SmallInteger, primary_key=True, autoincrement=False),
    Column("owner", Text),
    Column(
        "epoch", BigInteger, nullable=False, server_default=text("0"), comment="fencing number; grows with each owner"
    ),
    Column("expires_at", _TIME, nullable=False, server_default=text("'-infinity'")),
    comment="Which relay owns which slot of aggregates, by lease on the database's clock",
)

RELAY_MEMBERS = Table(
    "relay_members",
    MACHINERY,
    Column("owner", Text, primary_key=True),
    Column("seen_at", _TIME, nullable=False, server_default=text("clock_timestamp()")),
    comment="Relays that are alive, so that each can tell its fair share of the slots",
)

INBOX = Table(
    "inbox",
    MACHINERY,
    Column("consumer", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("received_at", _TIME, nullable=False, server_default=text("clock_timestamp()")),
    Index("inbox_received_at_idx", "received_at"),
    comment="Events that a consumer has applied; kept 30 days",
)

VERSIONS_SEEN = Table(
    "versions_seen",
    MACHINERY,
    Column("consumer", Text, primary_key=True),
    Column("aggregatetype", Text, primary_key=True),
    Column("aggregateid", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    comment="The newest version a consumer applied, kept for ever: an older one never overwrites it",
)

JOINED_GROUPS = Table(
    "joined_groups",
    MACHINERY,
    Column("group_name", Text, primary_key=True),
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("joined_at", _TIME, nullable=False, server_default=text("clock_timestamp()")),
    comment="Partitions whose first offset was committed; a later loss of offsets is an error, never a silent skip",
)

PARKED = Table(
    "parked",
    MACHINERY,
    Column("id", Uuid, primary_key=True),
    Column("group_name", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset_", BigInteger, nullable=False),
    Column("key", LargeBinary),
    Column("value", LargeBinary),
    Column("headers", JSONB, nullable=False, comment="list of [name, base64 of the bytes or null]"),
    Column("reason_code", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False, comment="retry, parked, redriven, discarded"),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_attempt_at", _TIME),
    Column("first_failed_at", _TIME, nullable=False, server_default=text("clock_timestamp()")),
    Column("parked_at", _TIME),
    UniqueConstraint("group_name", "topic", "partition", "offset_", name="parked_position_key"),
    Index("parked_waiting", "group_name", "topic", "key", "offset_", postgresql_where=text("state <> 'redriven'")),
    comment="Records that could not be applied, whole, with the later ones of their key",
)

IDEMPOTENCY = Table(
    "idempotency",
    MACHINERY,
    Column("caller", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_sha256", LargeBinary, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("created_at", _TIME, nullable=False, server_default=text("clock_timestamp()")),
    Index("idempotency_created_at_idx", "created_at"),
    comment="The answer of each keyed request, written in the transaction of its effect",
)

IMPORTS = MetaData(naming_convention=NAMING)
"""What only the services have that own resources."""

IMPORT_STAGING = Table(
    "import_staging",
    IMPORTS,
    Column("import_id", Uuid, primary_key=True),
    Column("batch", BigInteger, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False, comment="of the event that brought it"),
    Column("traceparent", Text),
    Column("payload", Text, nullable=False, comment="the batch as JSON"),
    Column("staged_at", _TIME, nullable=False, server_default=text("clock_timestamp()")),
    comment="Batches of imports that want all rows or none, until the last one has come",
)


def _partitions(seal: str = "") -> str:
    """The function that makes the months ahead; `seal` is what is done to each new one, named `part`."""
    return f"""
CREATE OR REPLACE FUNCTION ensure_outbox_partitions(months_ahead integer DEFAULT 3) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    first date := date_trunc('month', now() AT TIME ZONE 'UTC')::date;
    part text;
BEGIN
    FOR ahead IN 0..months_ahead LOOP
        part := 'outbox_' || to_char(first + make_interval(months => ahead), 'YYYY_MM');
        CONTINUE WHEN to_regclass(part) IS NOT NULL;
        BEGIN
            EXECUTE format('CREATE TABLE %I PARTITION OF outbox FOR VALUES FROM (%L) TO (%L)',
                part, first + make_interval(months => ahead), first + make_interval(months => ahead + 1));
            {seal}
        EXCEPTION
            WHEN duplicate_table THEN CONTINUE;
            WHEN check_violation THEN
                RAISE WARNING 'rows of % are in the default partition already', first + make_interval(months => ahead);
        END;
    END LOOP;
END $$
"""  # noqa: S608 - statements of our own


_REVOKE = "EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON %I FROM %I', part, current_schema() || '_app');"
_GRANT = "EXECUTE format('GRANT UPDATE, DELETE ON %I TO %I', part, current_schema() || '_app');"


def _of_all_parts(statement: str) -> str:
    return f"""
DO $do$ DECLARE part text; BEGIN
    FOR part IN SELECT 'outbox' UNION ALL
        SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = 'outbox'::regclass
    LOOP {statement} END LOOP;
END $do$
"""  # noqa: S608 - statements of our own


_FIRST_SHAPE = (
    "ALTER TABLE outbox ADD published_at timestamptz, ADD blocked text",
    "CREATE INDEX outbox_unpublished ON outbox (slot, aggregatetype, aggregateid, version) WHERE published_at IS NULL",
)
_WAITING = "id, month, slot, aggregatetype, aggregateid, version, recorded_at"
_FILL = f"""
INSERT INTO outbox_pending ({_WAITING}, blocked) SELECT {_WAITING}, blocked FROM outbox WHERE published_at IS NULL
"""  # noqa: S608 - names of our own
# The schema is written out: whoever adds a row by hand may have another search path than the service.
_AWAIT = (
    f"""
DO $do$ BEGIN EXECUTE format($sql$
    CREATE FUNCTION %1$I.await_acknowledgement() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO %1$I.outbox_pending ({_WAITING}) SELECT {_WAITING} FROM told;
        RETURN NULL;
    END $$
$sql$, current_schema()); END $do$
""",  # noqa: S608 - names of our own
    """
CREATE TRIGGER await_acknowledgement AFTER INSERT ON outbox REFERENCING NEW TABLE AS told
FOR EACH STATEMENT EXECUTE FUNCTION await_acknowledgement()
""",
    """
CREATE VIEW outbox_published AS
SELECT * FROM outbox WHERE NOT EXISTS (SELECT FROM outbox_pending p WHERE p.id = outbox.id)
""",
)
_UNFILL = (
    """
UPDATE outbox o SET published_at = o.recorded_at
WHERE NOT EXISTS (SELECT FROM outbox_pending p WHERE p.id = o.id)
""",
    """
UPDATE outbox o SET blocked = p.blocked FROM outbox_pending p
WHERE p.id = o.id AND p.month = o.month AND p.blocked IS NOT NULL
""",
)


_TRIGRAMS = rf"""
CREATE FUNCTION trigrams(VARIADIC texts text[]) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 1000
RETURN ARRAY(
    SELECT substr(line, place, {SHORTEST})
    FROM lower(array_to_string(texts, E'\x1f')) AS line,
        generate_series(1, length(line) - {SHORTEST - 1}) AS place
)
"""  # noqa: S608 - constants of our own


def create(op: ModuleType | Operations) -> None:
    """First migration of every service. `op` is alembic's; a service that only runs does not import that."""
    MACHINERY.create_all(op.get_bind(), tables=[one for one in MACHINERY.sorted_tables if one is not OUTBOX_PENDING])
    _execute(op, *_FIRST_SHAPE)
    op.execute("CREATE TABLE outbox_default PARTITION OF outbox DEFAULT")
    op.execute(_partitions())
    op.execute("SELECT ensure_outbox_partitions()")
    op.execute(f"INSERT INTO relay_slots (slot) SELECT generate_series(0, {SLOTS - 1})")
    op.execute(
        "CREATE VIEW audit_entries AS SELECT recorded_at, payload::jsonb -> 'state' AS entry"
        " FROM outbox WHERE aggregatetype = 'audit'"
    )


def drop(op: ModuleType | Operations) -> None:
    """Undo `create`: everything the machinery kept is lost."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP VIEW audit_entries")
    op.execute("DROP FUNCTION ensure_outbox_partitions(integer)")
    MACHINERY.drop_all(op.get_bind())


def create_pending(op: ModuleType | Operations) -> None:
    """A migration of every service: what waits for the broker stands in a table of its own (docs/adr/0024)."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE")
    OUTBOX_PENDING.create(op.get_bind())
    op.execute(_FILL)
    op.execute("ALTER TABLE outbox DROP COLUMN published_at, DROP COLUMN blocked")
    _execute(op, *_AWAIT)


def drop_pending(op: ModuleType | Operations) -> None:
    """Undo `create_pending`. When something was published is not known any more; it is said to be when it happened."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE")
    op.execute("DROP VIEW outbox_published")
    op.execute("DROP TRIGGER await_acknowledgement ON outbox")
    op.execute("DROP FUNCTION await_acknowledgement()")
    _execute(op, *_FIRST_SHAPE, *_UNFILL)
    OUTBOX_PENDING.drop(op.get_bind())


def seal_outbox(op: ModuleType | Operations) -> None:
    """A migration of every service: its role may add to the archive, and neither change nor delete what is there."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    _execute(op, _partitions(seal=_REVOKE), _of_all_parts(_REVOKE))


def unseal_outbox(op: ModuleType | Operations) -> None:
    """Undo `seal_outbox`: nothing is lost."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    _execute(op, _partitions(), _of_all_parts(_GRANT))


def _execute(op: ModuleType | Operations, *statements: str) -> None:
    for statement in statements:
        op.execute(statement)


def create_staging(op: ModuleType | Operations) -> None:
    """A migration of every service that owns resources."""
    IMPORTS.create_all(op.get_bind())


def drop_staging(op: ModuleType | Operations) -> None:
    """Undo `create_staging`: imports that wait for their last batch are lost, and are to be sent again."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    IMPORTS.drop_all(op.get_bind())


def create_trigrams(op: ModuleType | Operations) -> None:
    """A migration of every service with search indexes, before the first of them."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(_TRIGRAMS)


def drop_trigrams(op: ModuleType | Operations) -> None:
    """Undo `create_trigrams`, once the indexes are gone."""
    op.execute("DROP FUNCTION trigrams(text[])")
