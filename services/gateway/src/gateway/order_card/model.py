"""The tables behind the card. Each row is what one event said or, by version, the newest of a subject."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP

from gateway.db import METADATA
from plantkit.messaging.read_models import ReadModel

_TIME = TIMESTAMP(timezone=True)

OPERATIONS = Table(
    "card_operations",
    METADATA,
    Column("order_no", Text, primary_key=True),
    Column("operation_no", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("state", JSONB, nullable=False),
    comment="The newest state of each operation",
)
ENTRIES = Table(
    "card_entries",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("order_no", Text, nullable=False),
    Column("operation_no", Text, nullable=False),
    Column("version", BigInteger, nullable=False, comment="of the operation after the booking"),
    Column("booked_at", _TIME, nullable=False),
    Column("entry", JSONB, nullable=False),
    Index("card_entries_order_no_idx", "order_no"),
    comment="What was booked on operations: their ledgers",
)
IMPORT_ROWS = Table(
    "card_import_rows",
    METADATA,
    Column("order_no", Text, primary_key=True),
    Column("operation_no", Text, primary_key=True),
    Column("version", BigInteger, primary_key=True, comment="of the operation after the row"),
    Column("import_id", Uuid, nullable=False),
    Column("row_no", Integer, nullable=False, comment="its number in the sheet"),
    Column("fact", Text, nullable=False, comment="what the row did: created, updated"),
    comment="Which row of which import created or changed an operation",
)
IMPORTS = Table(
    "card_imports",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("uploaded_by", Text, nullable=False),
    Column("uploaded_at", _TIME, nullable=False),
    Column("state", Text, nullable=False),
    Column("totals", JSONB, nullable=False),
    comment="The newest state of each import",
)
RECORDS = Table(
    "card_records",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("record_type", Text, nullable=False),
    Column("revised_at", _TIME, comment="not told of records of class health"),
    Column("deleted", Boolean, nullable=False),
    Column("orders", ARRAY(Text), nullable=False, comment="that it is about, itself or one of their operations"),
    Index("card_records_orders_idx", "orders", postgresql_using="gin"),
    comment="Which orders a record is about; never what it says",
)
RECORD_TYPES = Table(
    "card_record_types",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("title", Text, nullable=False),
    comment="What people call the types of records",
)

MODEL = ReadModel(name="order-card", tables=(OPERATIONS, ENTRIES, IMPORT_ROWS, IMPORTS, RECORDS, RECORD_TYPES))
