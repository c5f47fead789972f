"""The pages that are written from the product itself, and what the checks say when they are old."""

import re

import pytest
from sqlalchemy import CheckConstraint, Column, Integer, MetaData, String, Table

from imports.settings import Settings as ImportsSettings
from plantkit.errors import every_error
from plantkit.settings import ServiceSettings
from takt.work import checks, database_page, errors_page, settings_page
from takt.work.schemas import drift, metadata_of, migrated, statements


@pytest.fixture(scope="module")
def operations():
    with migrated(["operations"]) as databases:
        yield databases["operations"]


pytestmark = pytest.mark.db


def test_every_error_is_on_the_page_once_with_status_cause_and_cure():
    page = errors_page.page()

    codes = re.findall(r"^\| `([a-z0-9.-]+)` \| \d{3} [^|]+ \| [^|]+ \| [^|]+ \|$", page, re.MULTILINE)
    assert codes == sorted(codes)
    assert codes == [error.code for error in every_error()]
    assert {"resource.stale", "operation.illegal-transition", "auth.unauthenticated"} <= set(codes)


def test_every_setting_is_on_the_page_once_with_what_it_is():
    rows = re.findall(r"^\| `(TAKT_[A-Z_<>]+)` \| [^|]+ \| [^|]* \| [^|]+ \|$", settings_page.page(), re.MULTILINE)
    common = set(ServiceSettings.model_fields)
    own = {f"TAKT_IMPORTS_{name.upper()}" for name in set(ImportsSettings.model_fields) - common}

    assert len(rows) == len(set(rows))
    assert {row for row in rows if "<SERVICE>" in row} == {f"TAKT_<SERVICE>_{name.upper()}" for name in common}
    assert {row for row in rows if row.startswith("TAKT_IMPORTS_")} == own
    assert list(settings_page.incomplete()) == []


def test_the_page_shows_defaults_as_they_are_given_and_limits():
    page = settings_page.page()

    assert "| `TAKT_<SERVICE>_RELAY_LEASE_S` | `10.0` | at least 1, at most 10.0 |" in page
    assert "| `TAKT_<SERVICE>_LOOPS` | `api,consumers,relay,worker` |" in page
    assert "| `TAKT_RECORDS_AUDIT_KEY` | must be given |" in page
    assert "| `TAKT_GATEWAY_ADMIN_PASSWORD` | none |" in page


def test_a_setting_that_says_nothing_is_objected_to():
    class Silent(ServiceSettings):
        volume: int = 0

    assert list(settings_page.undescribed(Silent)) == [f"{__name__}.volume: a setting says what it is (description)"]


def test_the_database_page_shows_columns_constraints_and_indexes(operations):
    page = database_page.page({"operations": operations})

    assert "## operations" in page
    assert "| `code` | character varying(40) | yes |  |  |" in page
    assert "- `items_code_key`: `UNIQUE (code)`" in page
    assert "- `machines_workplace_idx`: `CREATE INDEX" in page
    assert "Partitioned by RANGE (month)." in page
    assert "outbox_2" not in page, "partitions are not tables of their own"


def test_the_migrations_build_what_the_classes_describe(operations):
    assert drift(operations, metadata_of("operations")) == []
    assert statements(operations, metadata_of("operations")) == ("", "")


def test_what_no_migration_builds_is_named(operations):
    described = MetaData(schema="operations")
    for table in metadata_of("operations").tables.values():
        table.to_metadata(described)
    Table("gauges", described, Column("id", Integer, primary_key=True), Column("code", String(40)))
    described.tables["operations.items"].append_column(Column("colour", String(20)))
    described.tables["operations.items"].append_constraint(CheckConstraint("colour <> ''", name="items_colour_check"))

    found = drift(operations, described)

    assert [line for line in found if "gauges" in line]
    assert [line for line in found if "add_column" in line and "colour" in line]
    assert "operations: no constraint items.items_colour_check" in found
    assert "op.create_table('gauges'" in statements(operations, described)[0]


def test_a_page_that_is_old_or_missing_is_objected_to():
    current = errors_page.page()

    assert checks.stale({"no/such/page.md": current}) == [
        "no/such/page.md is not what would be written now: run `takt check --fix`"
    ]
