"""Names and first bytes, without a door."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from gateway.uploads.errors import WrongContent, WrongExtension
from gateway.uploads.rules import Extension, clean_name, extension_of, refuse_other_content
from plantkit.errors import Invalid
from takt_contracts.scalars import Name

NAME = TypeAdapter(Name)


@given(st.text(max_size=260))
def test_a_cleaned_name_is_a_name_or_refused(sent):
    try:
        name = clean_name(sent)
    except Invalid:
        return
    assert NAME.validate_python(name) == name
    assert not set(name) & set("/\\")
    assert not any(unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for sign in name)
    assert clean_name(name) == name


@given(st.text(alphabet=st.characters(categories=("L", "N")), min_size=1, max_size=100))
def test_a_plain_name_stays_as_it_is(name):
    plain = unicodedata.normalize("NFC", name) + ".xlsx"

    assert clean_name(plain) == plain


@given(st.text(max_size=50))
def test_an_extension_is_one_of_two_or_refused(name):
    try:
        assert name.lower().endswith(extension_of(name).value)
    except WrongExtension:
        assert not name.lower().endswith((".xlsx", ".csv"))


@given(st.binary(min_size=1, max_size=5000))
def test_any_bytes_are_a_workbook_only_where_a_zip_begins(head):
    try:
        refuse_other_content(Extension.XLSX, head)
    except WrongContent:
        assert not head.startswith(b"PK\x03\x04")
    else:
        assert head.startswith(b"PK\x03\x04")


@given(
    st.text(alphabet=st.characters(exclude_categories=("Cc", "Cf", "Cs", "Co", "Cn")), min_size=1),
    st.sampled_from(["utf-8", "utf-16"]),
)
def test_printed_text_is_text_in_utf_8_and_utf_16(text, encoding):
    refuse_other_content(Extension.CSV, ("Item," + text).encode(encoding))


@pytest.mark.parametrize("name", [".xlsx", "a.CSV", "a.b.Xlsx"])
def test_case_and_dots_do_not_matter(name):
    assert extension_of(name) in Extension


def test_a_name_of_two_hundred_is_kept_and_one_more_refused():
    assert len(clean_name("x" * 196 + ".csv")) == 200
    with pytest.raises(Invalid):
        clean_name("x" * 197 + ".csv")
    with pytest.raises(ValidationError):
        NAME.validate_python("x" * 201)
