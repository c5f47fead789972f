"""What many facts have in common is written once, and each is told as if it stood alone."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from plantkit.auth.principal import Principal
from plantkit.db.tx import Origin
from plantkit.telling import Letterhead, outbox_row, slot_of
from takt_contracts.envelope import Envelope, from_headers
from takt_contracts.event import schema_id
from takt_contracts.operations.items import ItemChanged

NOW = datetime(2026, 3, 2, 6, 30, 0, 123456, UTC)
SECRET = SecretStr("one of a stack, as long as it has to be")
SETTINGS: Any = SimpleNamespace(source="/plants/brno/operations", service="operations", consistency_secret=SECRET)
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=40)


def changed(code, version):
    state = {"id": "0195570a-1b2c-7d3e-8f40-5a6b7c8d9e0f", "created_at": NOW, "updated_at": NOW, "name": "Shaft"}
    return ItemChanged.model_validate(
        {"version": version, "change": "updated", "state": {**state, "code": code, "version": version}},
        from_attributes=True,
    )


@given(
    code=TEXT.filter(lambda text: "/" not in text and not text.startswith(".")),
    version=st.integers(1, 10**9),
    cause=st.none() | TEXT,
    who=TEXT,
)
def test_a_row_of_the_outbox_is_the_envelope_and_the_event(code, version, cause, who):
    event = changed(code, version)
    principal = Principal(id=who, kind="user", roles=frozenset(), name=who)
    origin = Origin(request_id="import-1", causation_id=cause, traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01")
    row = outbox_row(event, principal=principal, origin=origin, now=NOW, settings=SETTINGS)

    headers = orjson.loads(row["headers"])
    wanted = Envelope(
        id=str(row["id"]),
        source=SETTINGS.source,
        type="takt.operations.item.updated.v1",
        subject=code,
        time=NOW,
        dataschema=schema_id("takt.operations.item.updated.v1"),
        recordedtime=NOW,
        sequence=version,
        partitionkey=code,
        correlationid="import-1",
        causationid=cause,
        authtype="app_user",
        authid=who,
        traceparent=origin.traceparent,
    )
    assert headers == wanted.to_headers()
    assert from_headers((name, text.encode()) for name, text in headers.items()) == wanted
    assert row["payload"] == event.model_dump_json()
    assert (row["aggregateid"], row["key"], row["version"], row["slot"]) == (code, code, version, slot_of(code))


def test_each_row_names_its_own_cause_and_has_its_own_id():
    principal = Principal(id="planner-1", kind="user", roles=frozenset(), name="")
    events = [changed(f"A-{number}", 1) for number in range(3)]
    head = Letterhead(events[0], principal=principal, origin=Origin(request_id="r"), now=NOW, settings=SETTINGS)
    rows = [head.row(event, f"imports/i/rows/{number}") for number, event in enumerate(events)]
    headers = [orjson.loads(row["headers"]) for row in rows]
    assert [one["ce_causationid"] for one in headers] == [f"imports/i/rows/{number}" for number in range(3)]
    assert [one["ce_subject"] for one in headers] == ["A-0", "A-1", "A-2"]
    assert len({one["ce_id"] for one in headers}) == 3
