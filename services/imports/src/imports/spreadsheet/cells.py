"""Make values of the API from cells, one converter a column. Pure.

Whatever a converter gives was accepted by the field's own type, the one that judges the API's input; so a workbook
can bring nothing in that the API would refuse. Nothing is guessed: a cell that can be read in two ways is an error.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter, ValidationError

from imports.spreadsheet.evidence import SLASHED, Evidence, decisive_mark, ungrouped
from imports.spreadsheet.frames import Tag
from imports.spreadsheet.header import normal
from takt_contracts.resource import Kind
from takt_contracts.template import ENTRY_MARK, LIST_MARK, TemplateColumn

NOTHING: Final = frozenset({"null", "n/a", "#n/a"})
"""Texts that stand for an empty cell, in any case, in every column."""
DASHES: Final = frozenset({"-", "--", "\u2013", "\u2014"})
"""Stand for an empty cell where a text is not expected."""

_YES: Final = frozenset({"yes", "y", "true", "1", "x", "ja", "j", "wahr", "on"})
_NO: Final = frozenset({"no", "n", "false", "0", "nein", "falsch", "off"})
_LOST: Final = 10**15
_MEMO: Final = 50_000
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_ISO: Final = re.compile(
    r"([0-9]{4})([-/.]?)([0-9]{2})\2([0-9]{2})"
    r"(?:[T ]\s*([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]+)?)?)?\s*(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_DOTTED: Final = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})")
_NAMED: Final = re.compile(r"([0-9]{1,2})[ .-]+([A-Za-z]{3})[a-z]*[ .,-]+([0-9]{4})")
_CLOCK: Final = re.compile(
    r"[ T,]+([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]+)?)?(?:\s*([AaPp])\.?[Mm]\.?)?(?:\s*Uhr)?"
)
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True, slots=True)
class Bad:
    """A cell that is refused."""

    code: str
    expected: str
    hint: str | None = None


Convert = Callable[[Any], Any]


class Memo(dict[Any, Any]):
    """Converted once for every different cell: a column of a plant has few. Forgets when it has many."""

    def __init__(self, convert: Convert) -> None:
        super().__init__()
        self._convert = convert

    def __missing__(self, cell: Any) -> Any:
        if len(self) >= _MEMO:
            self.clear()
        value = self[cell] = self._convert(cell)
        return value


class Converter:
    """Cells of one column to values of one field: a JSON value, None for an empty cell, or Bad."""

    def __init__(self, column: TemplateColumn, evidence: Evidence, zone: ZoneInfo) -> None:
        self.expected = expected(column)
        self._adapter: TypeAdapter[Any] = TypeAdapter(column.annotation)
        self._is_text = column.kind is Kind.TEXT
        self._read = _reader(column, evidence, zone)
        self._cells, self._dates = Memo(self.one), Memo(lambda text: self.one((Tag.DATE, text) if text else ""))

    def all(self, column: Mapping[str, Any]) -> list[Any]:
        """The values of a column of a chunk, as `frames` describes it."""
        if column["k"] == "d":
            return list(map(self._dates.__getitem__, column["v"]))
        if column["k"] == "m":
            return [self._cells[tuple(cell) if isinstance(cell, list) else cell] for cell in column["v"]]
        return list(map(self._cells.__getitem__, column["v"]))

    def one(self, cell: Any) -> Any:
        """The value of one cell."""
        if isinstance(cell, str):
            cell = cell.strip().strip("\u200b\ufeff").strip()
            if self._is_nothing(cell):
                return None
        elif isinstance(cell, tuple) and cell[0] in _BROKEN:
            return _BROKEN[cell[0]](cell[1], self.expected)
        value = self._read(cell, self.expected)
        return value if isinstance(value, Bad) else self._judged(value)

    def _is_nothing(self, text: str) -> bool:
        return not text or text.casefold() in NOTHING or (not self._is_text and text in DASHES)

    def _judged(self, value: Any) -> Any:
        """The same type as in the API has the last word."""
        try:
            self._adapter.validate_python(value)
        except ValidationError as wrong:
            return Bad("cell.invalid", self.expected, hint_of(wrong))
        return value


def expected(column: TemplateColumn) -> str:
    """What belongs into the column, in words."""
    if column.choices:
        return "one of " + ", ".join(column.choices)
    return _EXPECTED[column.kind]


_EXPECTED: Final[Mapping[Kind, str]] = {
    Kind.TEXT: "a text",
    Kind.CHOICE: "one of a list",
    Kind.DECIMAL: "a number with at most 6 decimals",
    Kind.INTEGER: "a whole number",
    Kind.FLAG: "yes or no",
    Kind.MOMENT: "a date, with or without a time of day",
    Kind.DATE: "a date",
    Kind.ID: "an id (UUID)",
    Kind.LIST: f"entries with {LIST_MARK} between them, their parts with {ENTRY_MARK} between them",
}

_WORDS: Final[Mapping[str, str]] = {
    "string_too_long": "It is longer than {max_length} characters.",
    "string_too_short": "It is shorter than {min_length} characters.",
    "string_pattern_mismatch": "It has characters that are not allowed here: a slash, a line break or invisible ones.",
    "greater_than_equal": "It must be at least {ge}.",
    "less_than_equal": "It must be at most {le}.",
    "greater_than": "It must be more than {gt}.",
    "less_than": "It must be less than {lt}.",
    "decimal_max_places": "It has more than {decimal_places} decimals; round it.",
    "decimal_max_digits": "It has more than {max_digits} digits.",
    "decimal_parsing": "It has more than 12 digits before or 6 after the decimal mark.",
    "enum": "It is none of these.",
}


def hint_of(wrong: ValidationError) -> str:
    first = wrong.errors(include_url=False, include_input=False)[0]
    words = _WORDS.get(first["type"])
    return first["msg"] if words is None else words.format(**first.get("ctx", {}))


def _error_cell(text: str, words: str) -> Bad:
    return Bad("cell.error", words, f"The spreadsheet shows {text} here: correct its formula, or empty the cell.")


def _bare_cell(_text: str, words: str) -> Bad:
    return Bad(
        "cell.formula-without-value",
        words,
        "Open the file in a spreadsheet program and save it, so that it holds results.",
    )


def _not_finite(_text: str, words: str) -> Bad:
    return Bad("cell.number", words, "It is no number.")


_BROKEN: Final[Mapping[Any, Callable[[str, str], Bad]]] = {
    Tag.ERROR: _error_cell,
    Tag.BARE: _bare_cell,
    Tag.NOT_FINITE: _not_finite,
}


def _reader(column: TemplateColumn, evidence: Evidence, zone: ZoneInfo) -> Callable[[Any, str], Any]:
    match column.kind:
        case Kind.DECIMAL:
            return lambda cell, words: _decimal(cell, words, evidence.mark)
        case Kind.MOMENT:
            return lambda cell, words: _moment(cell, words, evidence.day_first, zone)
        case Kind.DATE:
            return lambda cell, words: _date(cell, words, evidence.day_first)
        case Kind.CHOICE:
            choices = {normal(choice): choice for choice in column.choices}
            return lambda cell, words: _choice(cell, words, choices)
        case Kind.LIST:
            parts = {part.field: Converter(part, evidence, zone) for part in column.parts}
            return lambda cell, words: _list(cell, words, parts)
    return {Kind.TEXT: _text, Kind.FLAG: _flag, Kind.INTEGER: _integer, Kind.ID: _id}[column.kind]


def _text(cell: Any, words: str) -> Any:
    if isinstance(cell, str):
        if _CONTROL.search(cell):
            return Bad("cell.control-character", words, "It has a line break or another character that cannot be seen.")
        return cell
    if isinstance(cell, tuple):
        if cell[0] == Tag.FLAG:
            return cell[1]
        return Bad(
            "cell.date-in-text",
            words,
            "The spreadsheet made a date of it: format the column as text and enter it again.",
        )
    if abs(cell) >= _LOST:
        return Bad(
            "cell.digits-lost",
            words,
            "A spreadsheet keeps 15 digits of a number: format the column as text and enter it again.",
        )
    return _plain_number(cell)


def _plain_number(cell: float) -> str:
    """As a person writes it: 10 for 10.0, and without the noise of binary fractions."""
    return format(Decimal(f"{cell:.15g}"), "f")


def _decimal(cell: Any, words: str, mark: str | None) -> Any:
    if isinstance(cell, int | float):
        return _canonical(_plain_number(cell))
    if not isinstance(cell, str):
        return Bad("cell.number", words, "It is a date or a flag.")
    text = ungrouped(cell)
    if not re.fullmatch(r"[+-]?[0-9][0-9.,]*", text):
        return Bad("cell.number", words, "It is no number; units and currencies belong into a column of their own.")
    return _marked(text.lstrip("+"), words, mark)


def _marked(text: str, words: str, mark: str | None) -> Any:
    """A number whose decimal mark is known from itself, or else from its column."""
    if "." not in text and "," not in text:
        return _canonical(text)
    own = decisive_mark(text)
    if own is None and mark is None:
        return Bad("cell.number-ambiguous", words, f"{text} can be read in two ways: format the column as numbers.")
    if own is not None and mark is not None and own != mark:
        return Bad("cell.number-ambiguous", words, f"Other cells of the column use {mark!r} as the decimal mark.")
    used = own or mark or "."
    group = "," if used == "." else "."
    whole, _, part = text.partition(used)
    if not re.fullmatch(rf"-?[0-9]{{1,3}}(?:{re.escape(group)}[0-9]{{3}})*|-?[0-9]+", whole) or not re.fullmatch(
        "[0-9]*", part
    ):
        return Bad("cell.number", words, "Its groups of digits are not of three.")
    return _canonical(f"{whole.replace(group, '')}.{part or '0'}")


def _canonical(text: str) -> str:
    """The one spelling that the API itself writes, so that the same number is the same text."""
    value = Decimal(text)
    return format(value.normalize(), "f") if value else "0"


def _integer(cell: Any, words: str) -> Any:
    if isinstance(cell, str) and re.fullmatch(r"[+-]?[0-9]{1,19}", cell):
        return int(cell)
    if isinstance(cell, int | float) and abs(cell) < _LOST and cell == int(cell):
        return int(cell)
    return Bad("cell.integer", words, "It is no whole number.")


def _flag(cell: Any, words: str) -> Any:
    text = cell[1] if isinstance(cell, tuple) else _plain_number(cell) if isinstance(cell, int | float) else cell
    known = text.casefold()
    if known in _YES or known in _NO:
        return known in _YES
    return Bad("cell.flag", words, None)


def _choice(cell: Any, words: str, choices: Mapping[str, str]) -> Any:
    text = _plain_number(cell) if isinstance(cell, int | float) else cell  # 3.1 is a type of certificate
    found = choices.get(normal(text)) if isinstance(text, str) else None
    return Bad("cell.choice", words, None) if found is None else found


def _list(cell: Any, words: str, parts: Mapping[str, Converter]) -> Any:
    """Entries as JSON objects: each part is read as a cell of its own would be. A new line separates entries too."""
    text = _text(cell.replace("\n", LIST_MARK) if isinstance(cell, str) else cell, words)
    if isinstance(text, Bad):
        return text
    found = []
    for number, entry in enumerate(filter(None, map(str.strip, text.split(LIST_MARK))), 1):
        cells = entry.split(ENTRY_MARK)
        values = {name: part.one(one) for (name, part), one in zip(parts.items(), cells, strict=False)}
        wrong = [value for value in values.values() if isinstance(value, Bad)]
        if wrong or len(cells) > len(parts):
            reason = f"{wrong[0].expected} is expected. {wrong[0].hint or ''}" if wrong else "It has too many parts."
            return Bad(wrong[0].code if wrong else "cell.entry", words, f"Entry {number}: {reason}".rstrip())
        found.append({name: value for name, value in values.items() if value is not None})
    return found


def _id(cell: Any, words: str) -> Any:
    try:
        return str(UUID(cell)) if isinstance(cell, str) else Bad("cell.id", words, None)
    except ValueError:
        return Bad("cell.id", words, None)


def _moment(cell: Any, words: str, day_first: bool | None, zone: ZoneInfo) -> Any:
    """A time in the plant's zone, unless it names another; a date means its first moment."""
    found = _dated(cell, words, day_first)
    return found if isinstance(found, Bad) else _in_utc(found, zone, words)


def _date(cell: Any, words: str, day_first: bool | None) -> Any:
    """A day, whatever the zone."""
    found = _dated(cell, words, day_first)
    if isinstance(found, Bad):
        return found
    if found.time() != time() or found.tzinfo is not None:
        return Bad("cell.date", words, "It has a time of day, and a day alone is wanted.")
    return found.date().isoformat()


def _dated(cell: Any, words: str, day_first: bool | None) -> datetime | Bad:
    if isinstance(cell, tuple) and cell[0] == Tag.DATE:
        return _of_cell(cell[1])
    if not isinstance(cell, str):
        return Bad("cell.date", words, "It is a number or a time without a date: format the cell as a date.")
    try:
        return _of_text(cell, day_first)
    except _Ambiguous:
        return Bad(
            "cell.date-ambiguous",
            words,
            "Day and month can be told apart neither here nor by other cells: write 2026-12-31.",
        )
    except ValueError:
        return Bad("cell.date", words, "Write it like 2026-12-31 14:30 or 31.12.2026.")


class _Ambiguous(ValueError):
    """Day and month cannot be told apart."""


def _of_cell(text: str) -> datetime:
    """A cell that is a date. Spreadsheets count days, so a time of day is a fraction that is hardly ever exact."""
    if len(text) == 10:
        return datetime.combine(date.fromisoformat(text), time())
    exact = datetime.fromisoformat(text)
    return (exact + timedelta(microseconds=500)).replace(microsecond=(exact.microsecond + 500) // 1000 % 1000 * 1000)


def _of_text(text: str, day_first: bool | None) -> datetime:
    if iso := _ISO.fullmatch(text):
        zone = (iso[8] or "").replace("Z", "+00:00")
        numbers = [int(iso[n] or 0) for n in (1, 3, 4, 5, 6, 7)]
        if zone and iso[5] is None:
            raise ValueError(text)
        made = datetime(*numbers)  # type: ignore[arg-type]  # noqa: DTZ001 - six numbers; the zone follows
        return made if not zone else made.replace(tzinfo=datetime.strptime(zone, "%z").tzinfo)
    for pattern, numbers_of in ((_DOTTED, _dotted), (SLASHED, _slashed), (_NAMED, _worded)):
        if found := pattern.match(text):
            year, month, day = numbers_of(found, day_first)
            return datetime.combine(date(year, month, day), _clock(text[found.end() :]))
    raise ValueError(text)


def _dotted(found: re.Match[str], _day_first: bool | None) -> tuple[int, int, int]:
    return int(found[3]), int(found[2]), int(found[1])


def _worded(found: re.Match[str], _day_first: bool | None) -> tuple[int, int, int]:
    return int(found[3]), _MONTHS.index(found[2].lower()) + 1, int(found[1])


def _slashed(found: re.Match[str], day_first: bool | None) -> tuple[int, int, int]:
    first, second = int(found[1]), int(found[3])
    if day_first is None:
        if first <= 12 and second <= 12 and first != second:
            raise _Ambiguous
        day_first = first > 12
    return (int(found[4]), second, first) if day_first else (int(found[4]), first, second)


def _clock(rest: str) -> time:
    if not rest.strip():
        return time()
    found = _CLOCK.fullmatch(rest)
    if found is None:
        raise ValueError(rest)
    hour, half = int(found[1]), (found[4] or "").lower()
    if half:
        if not 1 <= hour <= 12:
            raise ValueError(rest)
        hour = hour % 12 + 12 * (half == "p")
    return time(hour, int(found[2]), int(found[3] or 0))


def _in_utc(moment: datetime, zone: ZoneInfo, words: str) -> Any:
    """Without a zone of its own it is the plant's time; in the hour that comes twice, the first time."""
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
    try:
        utc = aware.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        return Bad("cell.date", words, "The year is out of range.")
    return utc.isoformat(timespec="milliseconds" if utc.microsecond else "seconds") + "Z"
