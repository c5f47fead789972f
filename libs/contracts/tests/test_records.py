"""What the log may tell of a record, and the form in which its content is digested."""

import hashlib
import json
import math
import struct
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from takt_contracts import catalog
from takt_contracts.examples import envelope_of, example_of
from takt_contracts.records.canonical import LARGEST, canonical, digest_of
from takt_contracts.records.record_types import AccessClass, RecordTypeCreated
from takt_contracts.records.records import (
    PUBLIC,
    NewRecord,
    Record,
    RecordCreated,
    RecordDeleted,
    RecordRevised,
    RecordState,
    RecordVersion,
)

WORD = "nobody-may-see-this"
HEALTH = {
    "id": "0195570c-3d4e-7f50-8a61-7b8c9d0e1f2a",
    "record_type": "fitness",
    "access_class": "health",
    "version": 3,
    "digest": "5f" * 32,
    "schema_version": 1,
    "about": [f"employees/{WORD}"],
    "content": {"note": WORD},
    "reason": WORD,
    "salt": "a0" * 16,
    "created_by": WORD,
    "created_at": "2026-03-02T06:30:00Z",
    "updated_by": WORD,
    "updated_at": "2026-03-02T06:30:00Z",
}


@pytest.mark.parametrize("made_of", [HEALTH, SimpleNamespace(**HEALTH)], ids=["names", "attributes"])
def test_an_event_cannot_be_made_of_what_a_health_record_says(made_of):
    event = RecordRevised.model_validate({"version": 3, "state": made_of})

    told = json.loads(event.model_dump_json())
    assert set(told["state"]) == set(PUBLIC)
    assert WORD not in event.model_dump_json()
    assert event.dataref == "/api/v1/records/0195570c-3d4e-7f50-8a61-7b8c9d0e1f2a/history/3"


@pytest.mark.parametrize("access_class", ["general", "quality"])
def test_the_event_of_any_other_record_carries_it_whole(access_class):
    event = RecordCreated.model_validate({"version": 3, "state": HEALTH | {"access_class": access_class}})

    assert json.loads(event.model_dump_json())["state"] == HEALTH | {"access_class": access_class}
    assert event.dataref is None


def test_what_is_not_there_is_left_out_and_not_null():
    event = RecordDeleted.model_validate({"version": 3, "state": HEALTH | {"access_class": "general", "content": None}})

    assert set(HEALTH) - set(json.loads(event.model_dump_json())["state"]) == {"content"}
    assert RecordDeleted.model_validate_json(event.model_dump_json()) == event


def test_records_of_every_type_share_a_topic_and_types_are_compacted():
    topic = catalog.topics()["takt.records.record"]

    assert topic.types == tuple(f"takt.records.record.{fact}.v1" for fact in ("created", "deleted", "revised"))
    assert (topic.key, topic.compacted, topic.partitions) == (("id",), False, 6)
    assert catalog.topics()["takt.records.record-type"].compacted
    assert {catalog.owner_of(name) for name in ("records", "record-types")} == {"records"}


def test_reads_are_told_among_the_audit_entries_of_records():
    assert catalog.topics()["takt.records.audit"].types == (
        "takt.records.audit.read.v1",
        "takt.records.audit.recorded.v1",
    )


@pytest.mark.parametrize("event", [RecordCreated, RecordRevised, RecordDeleted, RecordTypeCreated])
def test_the_documented_example_is_one(event):
    example_event = example_of(event, event.fact)

    assert event.model_validate_json(example_event.model_dump_json()) == example_event
    assert envelope_of(example_event).type == event.type


@pytest.mark.parametrize(
    "about",
    [
        ["orders"],
        ["orders/"],
        ["/orders/1"],
        ["Orders/1"],
        ["orders/ b"],
        ["orders/a\nb"],
        ["orders/\u200b"],
        ["orders/" + "x" * 41],
        ["orders/1/2/3"],
        ["orders/../../etc"],
        ["orders/1", "orders/1"],
        ["http://x/y"],
        ["orders/\n"],
        [f"orders/{n}" for n in range(21)],
    ],
)
def test_about_names_things_as_their_paths_do(about):
    with pytest.raises(ValidationError):
        NewRecord(record_type="inspection", about=tuple(about), content={})


def test_about_takes_orders_operations_and_other_records():
    about = ("orders/WO-1001", "operations/WO-1001/0010", f"records/{HEALTH['id']}", "items/SCHRAUBE-Ü")

    assert NewRecord(record_type="inspection", about=about, content={}).about == about


# Appendix B of RFC 8785, and its example of sorting.
RFC_8785 = [
    ("0000000000000000", "0"),
    ("8000000000000000", "0"),
    ("0000000000000001", "5e-324"),
    ("8000000000000001", "-5e-324"),
    ("7fefffffffffffff", "1.7976931348623157e+308"),
    ("4340000000000000", "9007199254740992"),
    ("c340000000000000", "-9007199254740992"),
    ("4430000000000000", "295147905179352830000"),
    ("44b52d02c7e14af5", "9.999999999999997e+22"),
    ("44b52d02c7e14af6", "1e+23"),
    ("44b52d02c7e14af7", "1.0000000000000001e+23"),
    ("444b1ae4d6e2ef4e", "999999999999999700000"),
    ("444b1ae4d6e2ef4f", "999999999999999900000"),
    ("444b1ae4d6e2ef50", "1e+21"),
    ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
    ("3eb0c6f7a0b5ed8d", "0.000001"),
    ("41b3de4355555553", "333333333.3333332"),
    ("41b3de4355555557", "333333333.33333343"),
    ("becbf647612f3696", "-0.0000033333333333333333"),
    ("43143ff3c1cb0959", "1424953923781206.2"),
]


@pytest.mark.parametrize(("bits", "text"), RFC_8785)
def test_numbers_are_written_as_the_standard_writes_them(bits, text):
    [value] = struct.unpack(">d", bytes.fromhex(bits))

    assert canonical(value) == text


def test_names_are_sorted_as_the_standard_sorts_them():
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]

    assert list(json.loads(canonical(dict.fromkeys(names, 1)))) == [
        "\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33",
    ]  # fmt: skip


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-LARGEST, LARGEST) | st.floats(-LARGEST, LARGEST)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(JSON)
@example({"a": -0.0, "b": [1e21, 1e-7, 0.1]})
def test_canonical_content_reads_as_the_same_and_is_one_text(value):
    text = canonical(value)

    assert json.loads(text) == value
    assert canonical(json.loads(text)) == text
    assert canonical(json.loads(json.dumps(value, indent=3))) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_keeps_every_bit(value):
    read = float(json.loads(canonical(value)))

    assert read == value
    assert math.copysign(1, read) == math.copysign(1, value) or value == 0


def test_the_digest_is_of_salt_and_content():
    salt = "a0" * 16

    assert digest_of({"b": 1, "a": 2.0}, salt) == hashlib.sha256(f'{salt}{{"a":2,"b":1}}'.encode()).hexdigest()
    assert digest_of(None, salt) == hashlib.sha256(f"{salt}null".encode()).hexdigest()
    assert digest_of({"fit": True}, salt) != digest_of({"fit": True}, "b1" * 16)


def test_a_state_without_a_class_is_refused():
    with pytest.raises(ValidationError):
        RecordState.model_validate({name: HEALTH[name] for name in HEALTH if name != "access_class"})


@pytest.mark.parametrize("model", [Record, RecordState, RecordVersion])
def test_an_error_about_a_record_does_not_repeat_what_it_says(model):
    with pytest.raises(ValidationError) as wrong:
        model.model_validate(HEALTH | {"version": WORD, "content": WORD, "kind": WORD})

    assert WORD not in str(wrong.value)


def test_what_is_read_over_http_is_not_what_is_told():
    """The answer of a write is made of the event's state where the two are one class: here they must not be."""
    assert not issubclass(Record, RecordState)
    assert AccessClass.HEALTH in AccessClass
