"""The record that has the business key which a creation brings."""

import orjson

from plantkit.run import Runner
from records.versions import queries
from records.versions.commands import CreateRecord
from records.versions.errors import KEY_TAKEN, KeyTaken
from records.versions.model import RecordRow
from records.versions.rules import checked, key_of
from takt_contracts.records.records import PATH


async def holder(run: Runner, order: CreateRecord) -> RecordRow:
    """Raises KeyTaken without a name where it was deleted in the meantime."""
    kind = await queries.kind(run.context, order.record_type)
    key = key_of(kind.business_key, orjson.loads(checked(order.content, kind.schema_text)))
    found = None if key is None else await queries.holder(run.context, order.record_type, key)
    if found is None:
        raise KeyTaken(KEY_TAKEN)
    return await queries.record(run.context, str(found), run.principal)


def named(found: RecordRow) -> KeyTaken:
    return KeyTaken(KEY_TAKEN, record=f"{PATH}/{found.id}", version=found.version)
