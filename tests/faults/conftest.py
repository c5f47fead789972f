"""What a fault run stands on. Each run has a database, topics and processes of its own."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import asyncpg
import pytest
from aiokafka import TopicPartition

from plantkit.messaging.provision import ensure_topics
from plantkit.testing.database import copied
from plantkit.testing.fixtures import Signer
from takt.errors import StackError
from takt.stack.children import Children
from takt.testing import untraced
from tests.faults.harness import judging, keys, topics
from tests.faults.harness import road as road_
from tests.faults.harness.ledger import TABLES
from tests.faults.harness.plant import SERVICE, Plant, ended
from tests.faults.harness.processes import MODULES
from tests.faults.harness.proxy import Proxy
from tests.faults.harness.road import Road
from tests.faults.harness.shop import Shop
from tests.faults.harness.ticks import Ticks
from tests.faults.harness.writers import COUNTERS, Writers


@pytest.fixture(scope="session")
def signer() -> Signer:
    return Signer()


@pytest.fixture(scope="session")
def jwks_url(signer: Signer) -> Iterator[str]:
    with keys.served(signer) as url:
        yield url


@pytest.fixture(scope="session")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Children]:
    """Has imported the product; every process of every run is forked from it."""
    made = Children(MODULES, tmp_path_factory.mktemp("faults") / "parent.log")
    with untraced.children():
        made.spawn()
    made.wait_ready()
    yield made
    made.close()


@pytest.fixture
async def plant(
    postgres_server: str, kafka_bootstrap: str, jwks_url: str, signer: Signer, parent: Children, tmp_path: Path
) -> AsyncIterator[Plant]:
    with copied(postgres_server, SERVICE) as database:
        owner = await asyncpg.connect(database.url("owner"))
        await owner.execute(TABLES + COUNTERS)
        await owner.close()
        made = Plant(
            database=database,
            bootstrap=kafka_bootstrap,
            jwks_url=jwks_url,
            signer=signer,
            folder=tmp_path,
            parent=parent,
        )
        with ended(made):
            yield made


@pytest.fixture(scope="session")
def road_parent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Children]:
    """Has imported all that stands on the road of a file."""
    made = Children(road_.MODULES, tmp_path_factory.mktemp("road") / "parent.log")
    with untraced.children():
        made.spawn()
    _wait_patiently(made)
    yield made
    made.close()


def _wait_patiently(made: Children) -> None:
    """As long as it lives: on a busy machine four services take longer to load than a stack may."""
    for again in (True, True, False):
        try:
            made.wait_ready()
        except StackError:
            if not (again and made.is_alive):
                raise
        else:
            return


@pytest.fixture
async def road(
    postgres_server: str, kafka_bootstrap: str, _product_topics: None, road_parent: Children, tmp_path: Path
) -> AsyncIterator[Road]:
    """Nothing runs on it yet."""
    with ExitStack() as databases:
        own = {name: databases.enter_context(copied(postgres_server, name)) for name in road_.SERVICES}
        with road_.travelled(
            Road(databases=own, bootstrap=kafka_bootstrap, folder=tmp_path, parent=road_parent)
        ) as made:
            await made.stand_at_the_end()
            yield made


@pytest.fixture(scope="session")
async def _product_topics(kafka_bootstrap: str) -> None:
    await ensure_topics(kafka_bootstrap)


@pytest.fixture
async def log_ends(kafka_bootstrap: str, _product_topics: None) -> dict[TopicPartition, int]:
    """Where the product's topics end before the run."""
    return await topics.ends(kafka_bootstrap, judging.TOPICS)


@pytest.fixture
async def shop(plant: Plant) -> AsyncIterator[Shop]:
    made = Shop(plant)
    yield made
    await made.close()


@pytest.fixture
async def small_shop(plant: Plant) -> AsyncIterator[Shop]:
    made = Shop(plant, operations=6)
    yield made
    await made.close()


@pytest.fixture
async def impatient_shop(plant: Plant) -> AsyncIterator[Shop]:
    """Its clients give up on an answer before a paused service goes on."""
    made = Shop(plant, timeout_s=2.5)
    yield made
    await made.close()


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy() as made:
        yield made


@pytest.fixture
async def writers(plant: Plant) -> AsyncIterator[Writers]:
    """They write from the start of the run into a topic of its own."""
    async with topics.made(plant.bootstrap, plant.topic):
        made = Writers(plant)
        await made.start()
        yield made
        await made.stop()


@pytest.fixture
async def sent(plant: Plant) -> AsyncIterator[Ticks]:
    """The first seven versions of every key are in a topic of the run's own, and nobody has read them."""
    async with topics.made(plant.bootstrap, plant.topic):
        made = Ticks(plant)
        await made.send(range(1, 8))
        yield made
