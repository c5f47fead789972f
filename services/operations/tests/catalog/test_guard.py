"""The catalog is complete: a file in it that nobody lists would be served by nobody."""

from pathlib import Path

import operations.catalog
from operations.catalog import RESOURCES
from operations.catalog.slice import SLICE
from takt_contracts.catalog import resources

BESIDE = {"__init__", "slice", "binding", "loads", "vehicles"}
"""`binding` is what an item can do beside being kept: to be held to a process profile; `vehicles`, what trucks and
trailers have in common; `loads`, a rule of theirs.
"""
FOLDER = Path(operations.catalog.__file__).parent


def test_every_file_of_the_catalog_is_in_resources():
    files = {path.stem for path in FOLDER.glob("*.py")} - BESIDE
    assert {resource.row.__module__.rpartition(".")[2] for resource in RESOURCES} == files
    assert len(RESOURCES) == len(files)


def test_the_catalog_serves_every_resource_it_lists():
    assert SLICE.resources == RESOURCES


def test_every_resource_of_the_catalog_is_a_contract_that_others_can_find():
    assert {resource.contract.plural for resource in RESOURCES} <= set(resources())
