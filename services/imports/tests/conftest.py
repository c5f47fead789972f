"""Tests of imports: its service, and the fixtures that the kit builds on it."""

import pytest

from imports.app import SERVICE
from plantkit.service import Service


@pytest.fixture(scope="session")
def service() -> Service:
    return SERVICE
