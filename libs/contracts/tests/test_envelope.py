"""CloudEvents 1.0: what we write, what we read, and what a foreign SDK reads of it."""

import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event
from cloudevents.core.formats.json import JSONFormat
from hypothesis import given
from hypothesis import strategies as st

from takt_contracts.catalog import events
from takt_contracts.envelope import MAX_BYTES, Envelope, EnvelopeError, from_headers
from takt_contracts.examples import envelope_of, example_of

TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=MAX_BYTES // 4)
MOMENTS = st.datetimes(timezones=st.just(UTC))
KNOWN = {
    "subject": TEXT,
    "time": MOMENTS,
    "dataschema": TEXT,
    "dataref": TEXT,
    "recordedtime": MOMENTS,
    "sequence": st.integers(0, 10**12 - 1),
    "partitionkey": TEXT,
    "correlationid": TEXT,
    "causationid": TEXT,
    "authtype": TEXT,
    "authid": TEXT,
    "traceparent": TEXT,
}
OTHERS = st.from_regex(r"\Ax[a-z0-9]{1,10}\Z")
ENVELOPES = st.builds(
    Envelope,
    id=TEXT,
    source=TEXT,
    type=TEXT,
    extensions=st.dictionaries(OTHERS, TEXT, max_size=3),
    **{name: st.none() | values for name, values in KNOWN.items()},
)
LEAST = {"ce_specversion": b"1.0", "ce_id": b"e-1", "ce_source": b"/plants/demo/erp", "ce_type": b"erp.order.changed"}


def on_the_wire(envelope: Envelope) -> list[tuple[str, bytes]]:
    return [(name, value.encode()) for name, value in envelope.to_headers().items()]


def code_of(headers: list[tuple[str, bytes | None]]) -> str:
    with pytest.raises(EnvelopeError) as refusal:
        from_headers(headers)
    return refusal.value.code


@given(ENVELOPES)
def test_what_is_written_to_headers_is_read_again(envelope):
    assert from_headers(on_the_wire(envelope)) == envelope


@given(ENVELOPES)
def test_structured_mode_holds_the_same_attributes_and_the_payload_as_it_was(envelope):
    told = json.loads(envelope.to_json('{"qty":"100.50"}'))

    assert told.pop("data") == {"qty": "100.50"}
    assert told.pop("datacontenttype") == "application/json"
    assert told == envelope.attributes()


def test_our_headers_are_those_of_binary_mode():
    headers = Envelope(
        id="e-1",
        source="/plants/demo/operations",
        type="takt.operations.operation.started.v1",
        subject="WO-1/0010",
        time=datetime(2026, 3, 2, 6, 30, tzinfo=UTC),
        sequence=7,
        traceparent="00-ab-cd-01",
    ).to_headers()

    assert headers == {
        "ce_specversion": "1.0",
        "ce_id": "e-1",
        "ce_source": "/plants/demo/operations",
        "ce_type": "takt.operations.operation.started.v1",
        "ce_subject": "WO-1/0010",
        "ce_time": "2026-03-02T06:30:00Z",
        "ce_sequence": "000000000007",
        "ce_traceparent": "00-ab-cd-01",
        "content-type": "application/json",
        "traceparent": "00-ab-cd-01",
    }


@pytest.mark.parametrize("type_", events())
def test_the_sdk_of_cloudevents_reads_our_headers(type_):
    event = events()[type_]
    example = example_of(event, next(fact for fact in event.facts if event.type_of(fact) == type_))
    envelope = envelope_of(example)
    message = KafkaMessage(
        headers=dict(on_the_wire(envelope)),
        key=example.subject.encode(),
        value=example.model_dump_json().encode(),
    )

    read = from_binary_event(message, JSONFormat())

    assert (read.get_id(), read.get_source(), read.get_type()) == (envelope.id, envelope.source, type_)
    assert (read.get_subject(), read.get_time()) == (example.subject, envelope.time)
    assert (read.get_specversion(), read.get_datacontenttype()) == ("1.0", "application/json")
    assert read.get_dataschema() == f"urn:takt:schema:{type_}"
    assert read.get_extension("sequence") == f"{example.version:012d}"
    assert read.get_extension("partitionkey") == example.subject
    assert read.get_data() == example.model_dump(mode="json")
    assert event.model_validate(read.get_data()) == example


def test_the_least_that_another_system_sends_is_enough():
    assert from_headers(list(LEAST.items())) == Envelope(id="e-1", source="/plants/demo/erp", type="erp.order.changed")


@pytest.mark.parametrize("name", LEAST)
@pytest.mark.parametrize("value", [b"", None, "left out"], ids=repr)
def test_a_required_attribute_that_is_missing_is_named_and_never_made_up(name, value):
    headers = [(other, content) for other, content in LEAST.items() if other != name]
    headers += [] if value == "left out" else [(name, value)]

    with pytest.raises(EnvelopeError, match=name):
        from_headers(headers)


@pytest.mark.parametrize(
    ("header", "value", "code"),
    [
        ("ce_id", b"again", "envelope.duplicate"),
        ("ce_subject", None, "envelope.null"),
        ("ce_subject", b"\xff\xfe", "envelope.not-utf8"),
        ("ce_subject", b"a\x00b", "envelope.control-character"),
        ("ce_subject", "a\u0085b".encode(), "envelope.control-character"),
        ("ce_subject", b"x" * (MAX_BYTES + 1), "envelope.too-long"),
        ("ce_xother", b"\xed\xa0\x80", "envelope.not-utf8"),
        ("ce_time", b"yesterday", "envelope.time"),
        ("ce_time", b"2026-03-02T06:30:00", "envelope.time"),
        ("ce_time", b"2026-13-02T06:30:00Z", "envelope.time"),
        ("ce_time", b"0001-01-01T00:00:00+10:00", "envelope.time"),
        ("ce_recordedtime", b"", "envelope.time"),
        ("content-type", b"application/cloudevents+json", "envelope.content-type"),
        ("Content-Type", b"text/plain", "envelope.content-type"),
    ],
)
def test_headers_that_cannot_be_kept_are_refused_with_their_reason(header, value, code):
    assert code_of([*LEAST.items(), (header, value)]) == code


def test_another_version_of_cloudevents_is_refused():
    assert code_of(list((LEAST | {"ce_specversion": b"0.3"}).items())) == "envelope.specversion"


def test_headers_that_are_not_of_cloudevents_may_be_anything():
    headers = [
        *LEAST.items(),
        ("traceparent", b"\xff"),
        ("b3", None),
        ("ce_Not-A-Name", b"\xff"),
        ("b3", b"twice"),
        ("ce_data", b"{}"),
    ]

    assert from_headers(headers).extensions == {}


def test_a_sequence_that_is_not_a_version_is_kept_as_the_other_system_wrote_it():
    envelope = from_headers([*LEAST.items(), ("ce_sequence", b"A-7")])

    assert (envelope.sequence, envelope.extensions) == (None, {"sequence": "A-7"})


@given(
    st.lists(
        st.tuples(st.sampled_from([*LEAST, "ce_time", "ce_sequence", "content-type", "x"]), st.none() | st.binary())
    )
)
def test_no_header_makes_the_reader_fail_otherwise(headers):
    with suppress(EnvelopeError):
        assert from_headers([*LEAST.items(), *headers]).id == "e-1"
