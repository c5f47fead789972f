"""The workbook of a template: a header to fill in below, and a second sheet that explains each column."""

import io
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from takt_contracts import catalog
from takt_contracts.resource import Kind
from takt_contracts.template import ImportTemplate, TemplateColumn

MEDIA_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_MADE: Final = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)
"""A fixed time, so that the same template is the same file."""
_LAST_ROW: Final = 100_000
_MOST_IN_LIST: Final = 255
_WIDTH: Final = 20
_EXPLAINED: Final = ("Column", "Field", "Needed", "What belongs there", "Also read as", "Meaning", "Example")
_NUMBER_FORMATS: Final = {
    Kind.TEXT: "@",
    Kind.ID: "@",
    Kind.CHOICE: "@",
    Kind.DECIMAL: "General",
    Kind.INTEGER: "0",
    Kind.FLAG: "@",
    Kind.MOMENT: "yyyy-mm-dd hh:mm",
    Kind.LIST: "@",
    Kind.DATE: "yyyy-mm-dd",
}
_WORDS: Final = {
    Kind.TEXT: "text",
    Kind.ID: "id",
    Kind.CHOICE: "one of the list",
    Kind.DECIMAL: "number, at most 6 decimals",
    Kind.INTEGER: "whole number",
    Kind.FLAG: "yes or no",
    Kind.MOMENT: "date, with or without a time of day, in the plant's time",
    Kind.LIST: "list",
    Kind.DATE: "date",
}


@cache
def workbook(template_id: str) -> bytes:
    """The same bytes every time. Made once, on first use: the library takes its time to load."""
    import xlsxwriter

    template = catalog.templates()[template_id]
    made = io.BytesIO()
    book = xlsxwriter.Workbook(made, {"in_memory": True})
    book.set_properties({"title": f"Takt: {template.id}", "created": _MADE})
    _to_fill_in(book, template)
    _explained(book, template)
    book.close()
    return made.getvalue()


def _to_fill_in(book: Any, template: ImportTemplate) -> None:
    """Text columns are formatted as text, so that a spreadsheet program leaves 0010 alone."""
    sheet = book.add_worksheet(template.id[:31])
    for at, column in enumerate(template.columns):
        below = book.add_format({"num_format": _NUMBER_FORMATS[column.kind]})
        sheet.set_column(at, at, max(_WIDTH, len(column.title) + 4), below)
        sheet.write_string(0, at, column.title, book.add_format(_head(column)))
        sheet.write_comment(0, at, _remark(column), {"x_scale": 2})
        allowed = _list_of(column)
        if allowed and len(",".join(allowed)) <= _MOST_IN_LIST:
            sheet.data_validation(1, at, _LAST_ROW, at, {"validate": "list", "source": list(allowed)})
    sheet.freeze_panes(1, len(template.key))


def _head(column: TemplateColumn) -> dict[str, Any]:
    """Keys are dark, other needed columns are tinted, the rest is plain."""
    if column.key:
        return {"bold": True, "bottom": 1, "bg_color": "#1F3A5F", "font_color": "#FFFFFF"}
    return {"bold": True, "bottom": 1, **({"bg_color": "#DCE6F2"} if column.required else {})}


def _remark(column: TemplateColumn) -> str:
    parts = [column.description, f"{_needed(column).capitalize()}: {_kind(column)}."]
    return "\n".join(part for part in parts if part)


def _needed(column: TemplateColumn) -> str:
    if column.key:
        return "key"
    if column.opening:
        return "only for what is under way already"
    return "needed to create" if column.required else "may be left out"


def _kind(column: TemplateColumn) -> str:
    return ", ".join(column.choices) if column.choices else _WORDS[column.kind]


def _list_of(column: TemplateColumn) -> tuple[str, ...]:
    return ("yes", "no") if column.kind is Kind.FLAG else column.choices


def _explained(book: Any, template: ImportTemplate) -> None:
    sheet = book.add_worksheet("Columns")
    wrapped, bold = book.add_format({"text_wrap": True, "valign": "top"}), book.add_format({"bold": True, "bottom": 1})
    sheet.set_column(0, len(_EXPLAINED) - 1, 28, wrapped)
    sheet.write_row(0, 0, _EXPLAINED, bold)
    for row, column in enumerate(template.columns, 1):
        example = "" if column.example is None else str(column.example)
        texts = (
            column.title,
            column.field,
            _needed(column),
            _kind(column),
            ", ".join(column.synonyms),
            column.description,
            example,
        )
        for at, text in enumerate(texts):
            sheet.write_string(row, at, text)
