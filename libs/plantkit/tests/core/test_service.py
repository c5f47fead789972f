"""A service whose background work fails."""

import asyncio
import signal
from typing import ClassVar

import pytest

from plantkit.service import Service
from plantkit.settings import Loop, Mode, ServiceSettings
from plantkit.slice import Slice
from plantkit.testing.fixtures import CONSISTENCY_SECRET, CURSOR_SECRET


class Settings(ServiceSettings):
    service: ClassVar[str] = "records"


@pytest.fixture
def asked_to_stop():
    """Set when the process is asked to end."""
    asked = asyncio.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: asked.set())
    yield asked
    signal.signal(signal.SIGTERM, before)


async def works_on(app):
    await asyncio.Event().wait()


async def fails(app):
    await asyncio.sleep(0)
    raise ZeroDivisionError


def service(worker):
    settings = Settings(
        mode=Mode.EMBEDDED, plant="test", port=0, database_url="postgresql://nobody:x@127.0.0.1:1/none",
        kafka_bootstrap="127.0.0.1:1", jwks_url="http://127.0.0.1:1/jwks.json", cursor_secret=CURSOR_SECRET,
        consistency_secret=CONSISTENCY_SECRET, loops=frozenset({Loop.WORKER}),
    )  # fmt: skip
    made = Service(name="records", settings=Settings, slices=(Slice(name="work", workers=(worker,)),))
    return made.app(settings)


async def test_a_worker_that_fails_ends_its_process(asked_to_stop):
    app = service(fails)
    async with app.router.lifespan_context(app), asyncio.timeout(30):
        await asked_to_stop.wait()


async def test_a_worker_that_is_stopped_is_no_failure(asked_to_stop):
    app = service(works_on)
    async with app.router.lifespan_context(app):
        await asyncio.sleep(0.05)
    assert not asked_to_stop.is_set()
