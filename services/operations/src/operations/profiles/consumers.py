"""From the records of the plant to the versions of process profiles that operations are held to."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ARRAY, BigInteger, Boolean, Text, Uuid, bindparam, text

from operations.profiles.model import STEPS
from operations.profiles.rules import steps_of
from plantkit.db.engine import compile_statement
from plantkit.db.tx import Tx
from plantkit.ids import new_id
from plantkit.messaging.consumer import consumes
from plantkit.messaging.records import Delivery
from takt_contracts.operations.steps import Step
from takt_contracts.records.records import Lifecycle, RecordCreated, RecordDeleted, RecordEvent, RecordRevised

GROUP: Final = "operations.process-profiles"
RECORD_TYPE: Final = "process-profile"
_COLUMNS: Final = {"ids": Uuid, "records": Uuid, "versions": BigInteger, "withdrawn": Boolean, "steps": Text}
_KEEP = compile_statement(
    text(
        "INSERT INTO operations.process_profiles (id, created_at, record, version, withdrawn, steps)"
        " SELECT id, CAST(:now AS timestamptz), record, version, withdrawn, steps::jsonb"
        " FROM unnest(:ids, :records, :versions, :withdrawn, :steps) AS told (id, record, version, withdrawn, steps)"
        " ON CONFLICT (record, version) DO NOTHING"
    ).bindparams(*(bindparam(name, type_=ARRAY(kind)) for name, kind in _COLUMNS.items()))
)


@consumes(RecordCreated, RecordRevised, RecordDeleted, group=GROUP, keeps_version=True)
async def keep_process_profiles(tx: Tx, deliveries: Sequence[Delivery[Any]]) -> None:
    """Keep the final versions of process profiles, so that no command ever asks records.

    Twice: the inbox drops the second, and a version is kept once. Late: each version is a row of its own, and one that
    withdraws the profile does so whenever it comes. A version that shows no limits is not kept, nor can it be bound.
    """
    told = [one.event for one in deliveries if one.event.state.record_type == RECORD_TYPE]
    rows = [(new_id(), event.state.id, event.version, *kept) for event in told if (kept := _kept(event)) is not None]
    if rows:
        await tx.execute(_KEEP, now=tx.now, **dict(zip(_COLUMNS, map(list, zip(*rows, strict=True)), strict=True)))


def _kept(event: RecordEvent) -> tuple[bool, str] | None:
    """Whether a version withdraws its profile, and its steps as JSON. None for a draft and for what cannot be read."""
    state = event.state
    if isinstance(event, RecordDeleted) or state.lifecycle is Lifecycle.ENTERED_IN_ERROR:
        return True, _sent(())
    if state.lifecycle is not Lifecycle.FINAL or state.hidden or state.content is None:
        return None
    steps = steps_of(state.content)
    return None if steps is None else (False, _sent(steps))


def _sent(steps: Sequence[Step]) -> str:
    return STEPS.dump_json(tuple(steps)).decode()
