"""The kit's database part is tested with operations, its richest user."""

import pytest

from operations.app import SERVICE
from plantkit.service import Service


@pytest.fixture(scope="session")
def service() -> Service:
    return SERVICE
