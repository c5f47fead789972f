"""What the values of fields accept, keep and refuse."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from takt_contracts.scalars import (
    Code,
    Count,
    Flag,
    Name,
    OperationNo,
    OrderNo,
    Quantity,
    QuantityChange,
    Text,
    Unit,
    UtcDatetime,
    Version,
)

STRINGS = {
    name: TypeAdapter(scalar)
    for name, scalar in {
        "Code": Code,
        "OrderNo": OrderNo,
        "OperationNo": OperationNo,
        "Unit": Unit,
        "Name": Name,
        "Text": Text,
    }.items()
}
CODE, NAME = STRINGS["Code"], STRINGS["Name"]
QUANTITY, CHANGE, COUNT = TypeAdapter(Quantity), TypeAdapter(QuantityChange), TypeAdapter(Count)
MOMENT = TypeAdapter(UtcDatetime)

FIRST, LAST = datetime(1, 1, 2), datetime(9999, 12, 30)  # noqa: DTZ001 -- local times of any zone
CONTROL = st.characters(categories=["Cc"])
SURROGATE = st.characters(categories=["Cs"])


def refused(adapter: TypeAdapter[Any], value: object) -> bool:
    try:
        adapter.validate_python(value)
    except ValidationError:
        return True
    return False


@pytest.mark.parametrize("adapter", STRINGS.values(), ids=STRINGS)
@given(before=st.text("ab", max_size=3), bad=CONTROL | SURROGATE, after=st.text("ab", max_size=3))
def test_no_text_holds_control_characters_or_lone_surrogates(adapter, before, bad, after):
    assert refused(adapter, before + bad + after)


@pytest.mark.parametrize("adapter", STRINGS.values(), ids=STRINGS)
@pytest.mark.parametrize("value", ["", " ", " a", "a ", "\u3000a", "a\n", None, 7, ["a"]], ids=repr)
def test_text_is_refused_rather_than_trimmed_or_converted(adapter, value):
    assert refused(adapter, value)


@given(st.text(min_size=1, max_size=40))
def test_a_code_that_is_accepted_is_kept_and_fits_into_a_path_a_key_and_the_database(text):
    if refused(CODE, text):
        return
    assert CODE.validate_python(text) == text == text.strip()
    assert text.encode().find(b"\0") == -1
    assert "/" not in text
    assert text not in {".", ".."}


@pytest.mark.parametrize("value", ["a/b", "/", ".", "..", ".x", "a\u200bb", "\u202ea", "a\u00ad1", "x" * 41], ids=repr)
def test_a_code_never_breaks_a_path_or_hides_a_difference(value):
    assert refused(CODE, value)


@pytest.mark.parametrize(
    "value", ["CNC-07", "7", "Fräse 3", "プレス", "a.b", "#1", "50%", "a,b", "😀", "x" * 40], ids=repr
)
def test_codes_of_real_plants_are_accepted(value):
    assert CODE.validate_python(value) == value


@pytest.mark.parametrize("value", ["Presse / links", "क\u200dष", ".5 mm", "x" * 200], ids=repr)
def test_names_hold_what_people_write(value):
    assert NAME.validate_python(value) == value


@given(st.text(max_size=45))
@pytest.mark.parametrize("adapter", STRINGS.values(), ids=STRINGS)
def test_the_schema_says_of_text_what_the_model_does(adapter, text):
    schema = adapter.json_schema()
    by_schema = schema["minLength"] <= len(text) <= schema["maxLength"] and re.fullmatch(schema["pattern"], text)

    assert bool(by_schema) is not refused(adapter, text)


@given(st.decimals(min_value=0, max_value=10**12 - 1, places=6))
def test_a_quantity_keeps_its_value_and_has_one_spelling(value):
    spelled = json.loads(QUANTITY.dump_json(QUANTITY.validate_python(value)))

    assert Decimal(spelled) == value
    assert re.fullmatch(r"(0|[1-9][0-9]*)(\.[0-9]*[1-9])?", spelled)
    assert QUANTITY.validate_json(json.dumps(spelled)) == value


@pytest.mark.parametrize(
    ("given_as", "spelled"),
    [
        ("100", "100"),
        (100, "100"),
        (12.5, "12.5"),
        ("007.50", "7.5"),
        ("-0", "0"),
        (Decimal("1E+2"), "100"),
        (0.1, "0.1"),
    ],
    ids=repr,
)
def test_quantities_come_as_numbers_or_strings_and_leave_as_strings(given_as, spelled):
    assert json.loads(QUANTITY.dump_json(QUANTITY.validate_python(given_as))) == spelled


@pytest.mark.parametrize("adapter", [QUANTITY, CHANGE], ids=["Quantity", "QuantityChange"])
@pytest.mark.parametrize(
    "value",
    [
        *(True, False, None, "", " 5", "5 ", "1_000", "1e3", "٣", "1,5", ".5", "5.", "+5", "0x10", "--1", [], {}),
        *("NaN", "Infinity", "-Infinity", float("nan"), float("inf"), Decimal("NaN"), Decimal("sNaN")),
        *("1000000000000", 10**12, -(10**12), 1e12, 10**400, "0.1234567", 0.1234567, Decimal("1E-7"), "1" * 5000),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_quantity_is_a_plain_number_within_its_digits(adapter, value):
    assert refused(adapter, value)


def test_only_changes_of_a_quantity_may_be_negative():
    assert refused(QUANTITY, "-1")
    assert CHANGE.validate_python("-1") == -1


@pytest.mark.parametrize("value", [-1, 2**63, 10**30, True, "7", 7.0, 7.5, None], ids=repr)
def test_integers_are_integers_that_the_database_holds(value):
    assert refused(COUNT, value)


def test_the_bounds_of_integers_are_within():
    assert [COUNT.validate_python(value) for value in (0, 2**63 - 1)] == [0, 2**63 - 1]
    assert refused(TypeAdapter(Version), 0)


@pytest.mark.parametrize("value", [1, 0, "true", "yes", None], ids=repr)
def test_only_true_and_false_are_flags(value):
    assert refused(TypeAdapter(Flag), value)


@given(st.datetimes(FIRST, LAST), st.integers(-840, 840))
def test_a_time_keeps_its_moment_and_becomes_utc(local, minutes):
    sent = local.replace(tzinfo=timezone(timedelta(minutes=minutes)))

    kept = MOMENT.validate_json(json.dumps(sent.isoformat()))

    assert (kept, kept.utcoffset()) == (sent, timedelta(0))
    assert MOMENT.dump_json(kept).endswith(b'Z"')


@pytest.mark.parametrize(
    "value",
    [
        *("2026-03-02", "2026-03-02T06:30:00", "2026-03-02T06:30Z", "1767225600", 1767225600, 1.5, True, None, ""),
        *("2026-02-30T00:00:00Z", "2026-03-02T25:00:00Z", "0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-10:00"),
        *("٢٠٢٦-03-02T06:30:00Z", "2026-03-02T06:30:00Z\n", "2026-03-02T06:30:00Z\0"),
        *(datetime(2026, 3, 2), datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=10)))),  # noqa: DTZ001 -- naive on purpose
    ],
    ids=repr,
)
def test_a_time_is_a_date_a_time_and_an_offset_that_exist(value):
    assert refused(MOMENT, value)


def test_nanoseconds_of_other_systems_are_read():
    assert MOMENT.validate_python("2026-03-02T06:30:00.123456789Z") == datetime(2026, 3, 2, 6, 30, 0, 123456, UTC)
