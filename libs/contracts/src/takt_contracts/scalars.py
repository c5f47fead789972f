"""The values that fields are made of. What one of these accepts can be stored, sent as a Kafka key and put into a URL.

Nothing is corrected silently: text with a blank at its end, `1e3` as a quantity or `true` as a number are refused, so
that what was sent is what is kept. Every rule is in the JSON Schema too, in a pattern that other languages read alike.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

MAX_BIGINT: Final = 2**63 - 1

_CONTROL: Final = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
_LINE: Final = rf"^[^\s{_CONTROL}]([^{_CONTROL}]*[^\s{_CONTROL}])?$"
# Keys that differ must look different, so nothing invisible; no slash, which joins keys in subjects and paths; no
# leading dot, because clients resolve `.` and `..` in paths.
NOT_IN_CODE: Final = rf"/{_CONTROL}\xad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
_CODE: Final = rf"^[^\s.{NOT_IN_CODE}]([^{NOT_IN_CODE}]*[^\s{NOT_IN_CODE}])?$"

_CodeText = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=_CODE)]

Code = Annotated[_CodeText, Field(description="Business key of a resource.", examples=["CNC-07"])]
OrderNo = Annotated[_CodeText, Field(description="Number of the work order.", examples=["WO-1001"])]
OperationNo = Annotated[_CodeText, Field(description="Number of the step within its order.", examples=["0010"])]
Unit = Annotated[
    str,
    StringConstraints(min_length=1, max_length=20, pattern=_LINE),
    Field(description="Unit of quantities.", examples=["pcs", "kg"]),
]
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, pattern=_LINE),
    Field(description="What people call it; one line."),
]
Text = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2000, pattern=_LINE),
    Field(description="Free words; one line."),
]
Phone = Annotated[
    str,
    StringConstraints(min_length=3, max_length=40, pattern=r"^\+?[0-9(][0-9 ()/.-]*[0-9]$"),
    Field(description="Phone number: digits with blanks or signs between them.", examples=["+49 40 123456"]),
]
# In capitals, because a plate is one vehicle's however it is written.
Plate = Annotated[
    str,
    StringConstraints(min_length=2, max_length=20, pattern=r"^[A-ZÄÖÜ0-9]+([ -][A-ZÄÖÜ0-9]+)*$"),
    Field(description="Number plate, in capitals.", examples=["HH TK 1234"]),
]

_DECIMAL: Final = r"[0-9]{1,12}(\.[0-9]{1,6})?"
_SIGNED: Final = re.compile(f"-?{_DECIMAL}")


def _decimal_input(value: Any) -> Any:
    """Numbers and plain decimal strings. What else Python would take (`True`, `1_000`, ` 5`, `1e3`) is refused."""
    if isinstance(value, str):
        if not _SIGNED.fullmatch(value):
            wrong = "Should be up to 12 digits, and up to 6 after a decimal point."
            raise PydanticCustomError("decimal_parsing", wrong)
    elif isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise PydanticCustomError("decimal_type", "Should be a number, or a number in a string.")
    return value


def _shortest(value: Decimal) -> str:
    """One spelling a number: `100`, never `100.000000` or `1E+2`."""
    return format(value.normalize(), "f") if value else "0"


_TEXT: Final = {"type": "string", "pattern": f"^{_DECIMAL}$"}
_SIGNED_TEXT: Final = {"type": "string", "pattern": f"^-?{_DECIMAL}$"}
_NUMBER: Final = {"type": "number", "minimum": 0, "exclusiveMaximum": 10**12}
_SIGNED_NUMBER: Final = {"type": "number", "exclusiveMinimum": -(10**12), "exclusiveMaximum": 10**12}

Quantity = Annotated[
    Decimal,
    Field(ge=0, max_digits=18, decimal_places=6, description="In the unit of the item.", examples=["100", "12.5"]),
    BeforeValidator(_decimal_input),
    PlainSerializer(_shortest, return_type=str, when_used="json"),
    WithJsonSchema({"anyOf": [_TEXT, _NUMBER]}, mode="validation"),
    WithJsonSchema(_TEXT, mode="serialization"),
]
QuantityChange = Annotated[
    Decimal,
    Field(max_digits=18, decimal_places=6, description="In the unit of the item; negative takes back.", examples=["5"]),
    BeforeValidator(_decimal_input),
    PlainSerializer(_shortest, return_type=str, when_used="json"),
    WithJsonSchema({"anyOf": [_SIGNED_TEXT, _SIGNED_NUMBER]}, mode="validation"),
    WithJsonSchema(_SIGNED_TEXT, mode="serialization"),
]

Measure = Annotated[
    Decimal,
    Field(max_digits=18, decimal_places=6, description="A measured value.", examples=["40.01"]),
    BeforeValidator(_decimal_input),
    PlainSerializer(_shortest, return_type=str, when_used="json"),
    WithJsonSchema({"anyOf": [_SIGNED_TEXT, _SIGNED_NUMBER]}, mode="validation"),
    WithJsonSchema(_SIGNED_TEXT, mode="serialization"),
]

_PERCENT_TEXT: Final = {"type": "string", "pattern": r"^(100(\.0{1,2})?|[0-9]{1,2}(\.[0-9]{1,2})?)$"}
Percent = Annotated[
    Decimal,
    Field(ge=0, le=100, decimal_places=2, description="Hundredths, 0 to 100.", examples=["2.5"]),
    BeforeValidator(_decimal_input),
    PlainSerializer(_shortest, return_type=str, when_used="json"),
    WithJsonSchema({"anyOf": [_PERCENT_TEXT, {"type": "number", "minimum": 0, "maximum": 100}]}, mode="validation"),
    WithJsonSchema(_PERCENT_TEXT, mode="serialization"),
]

# Strict: `true`, `"7"` and `7.0` are not 7, and `1` is not `true`.
Count = Annotated[int, Field(strict=True, ge=0, le=MAX_BIGINT)]
Version = Annotated[int, Field(strict=True, ge=1, le=MAX_BIGINT, description="Counts the changes of one thing from 1.")]
Flag = Annotated[bool, Field(strict=True)]

_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _moment_input(value: Any) -> Any:
    """A datetime or an RFC 3339 string; not a number of seconds, whatever its unit may be."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value
    if isinstance(value, str) and _RFC3339.fullmatch(value):
        return value
    raise PydanticCustomError("datetime_parsing", "Should be a time with its offset, like 2026-03-02T06:30:00Z.")


def _as_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("datetime_range", "Should be between the years 1 and 9999 in UTC.") from None


UtcDatetime = Annotated[
    datetime,
    Field(examples=["2026-03-02T06:30:00Z"]),
    BeforeValidator(_moment_input),
    AfterValidator(_as_utc),
]
