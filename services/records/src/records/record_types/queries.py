"""Reads of record types."""

from sqlalchemy import Integer, bindparam, select

from plantkit.context import Context
from plantkit.db.engine import compile_statement
from plantkit.db.row import columns_of
from plantkit.errors import NotFound
from plantkit.http.listing import Listing
from records.kinds import RecordSchemaRow, RecordTypeRow
from records.listed import Listed
from takt_contracts.records.record_types import RecordType

LISTING = Listing(
    Listed("record-types", RecordType, ("name",)),
    RecordTypeRow,
    search=("name", "title"),
    parts={
        "content_schema": ("schema_text",),
        "creators": ("creator_roles",),
        "business_key": ("key_fields",),
        "searchable": ("searched_fields",),
        "hidden_fields": ("seen_by",),
    },
)
_TYPE = compile_statement(
    select(*(getattr(RecordTypeRow, name) for name in columns_of(RecordTypeRow))).where(
        RecordTypeRow.name == bindparam("name")
    )
)
_SCHEMA = compile_statement(
    select(*(getattr(RecordSchemaRow, name) for name in columns_of(RecordSchemaRow))).where(
        RecordSchemaRow.record_type == bindparam("name"),
        RecordSchemaRow.schema_version == bindparam("schema_version", type_=Integer),
    )
)
_MOST_SCHEMAS = 2**31 - 1


async def record_type(context: Context, name: str) -> RecordTypeRow:
    """Raises NotFound."""
    found = await context.db.fetch(_TYPE, name=name)
    if not found:
        raise NotFound("record type", name[:80])
    return RecordTypeRow(**found[0])


async def schema(context: Context, name: str, schema_version: int) -> RecordSchemaRow:
    """One schema that the type has or had. Raises NotFound."""
    found = (
        []
        if schema_version > _MOST_SCHEMAS
        else await context.db.fetch(_SCHEMA, name=name, schema_version=schema_version)
    )
    if not found:
        raise NotFound("schema", f"{name[:80]}/{schema_version}")
    return RecordSchemaRow(**found[0])
