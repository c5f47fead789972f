"""`takt new-resource` makes the files of a resource that keeps every promise, in a copy of the workspace."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from takt.work.new_resource import with_line, words_of
from takt.workspace import WorkError, root
from tests.architecture import copies

MADE = (
    "libs/contracts/src/takt_contracts/operations/storage_bins.py",
    "services/operations/src/operations/catalog/storage_bins.py",
    "services/operations/tests/catalog/test_storage_bins.py",
)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    shutil.copy(root() / "conftest.py", tmp_path)
    return copies.make(tmp_path)


def run(workspace: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    env = copies.environment(workspace)
    command = [sys.executable, "-m", *argv]
    return subprocess.run(command, cwd=workspace, env=env, capture_output=True, text=True, check=False)


@pytest.mark.long
@pytest.mark.db
@pytest.mark.timeout(300)
def test_the_new_suite_passes(workspace):
    made = run(workspace, "takt", "new-resource", "operations", "storage-bin")
    assert made.returncode == 0, made.stderr
    assert all((workspace / name).is_file() for name in MADE)

    suite = run(workspace, "pytest", "-q", "-p", "no:cacheprovider", MADE[-1])
    assert suite.returncode == 0, suite.stdout[-3000:]

    again = run(workspace, "takt", "new-resource", "operations", "storage-bin")
    assert again.returncode == 1
    assert "exists already" in again.stderr

    lint = run(workspace, "ruff", "check", *MADE), run(workspace, "ruff", "format", "--check", *MADE)
    assert [done.stdout for done in lint if done.returncode] == []

    nothing = run(workspace, "takt", "migration", "operations", "what the new one lacks")
    assert (nothing.returncode, nothing.stdout) == (1, "")
    assert "build all that its classes describe" in nothing.stderr


def test_every_form_of_the_name():
    words = words_of("operations", "storage-facility")

    assert (words["plural"], words["module"], words["Class"]) == (
        "storage-facilities",
        "storage_facilities",
        "StorageFacility",
    )
    assert (words["CONSTANT"], words["CONSTANTS"], words["Words"]) == (
        "STORAGE_FACILITY",
        "STORAGE_FACILITIES",
        "Storage facility",
    )


@pytest.mark.parametrize("name", ["Terminal", "a b", "1st", "x_y", "../x", ""])
def test_a_name_that_cannot_be_one_is_refused(name):
    with pytest.raises(WorkError, match="is not a name"):
        words_of("operations", name)


CATALOG = '"""All of them."""\n\nfrom operations.catalog.items import ITEMS\n\nRESOURCES = (ITEMS,)\n'


def test_the_table_of_contents_gains_one_line_in_order():
    assert with_line(CATALOG, words_of("operations", "driver")) == (
        '"""All of them."""\n\n'
        "from operations.catalog.drivers import DRIVERS\n"
        "from operations.catalog.items import ITEMS\n\n"
        "RESOURCES = (ITEMS, DRIVERS)\n"
    )


def test_a_long_table_of_contents_takes_a_line_each():
    catalog = CATALOG
    for name in (
        "terminal",
        "driver",
        "truck",
        "trailer",
        "transport-order",
        "workshop-entry",
        "storage-facility",
        "x",
        "yz",
    ):
        catalog = with_line(catalog, words_of("operations", name))

    assert catalog.endswith("    YZS,\n)\n")
    assert "    ITEMS,\n    TERMINALS,\n" in catalog
