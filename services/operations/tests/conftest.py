"""Tests of operations: its service, and the fixtures that the kit builds on it."""

import pytest

from operations.app import SERVICE
from plantkit.service import Service


@pytest.fixture(scope="session")
def service() -> Service:
    return SERVICE
