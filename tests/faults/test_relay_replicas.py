"""Two relays and three replicas of a service on one database: one of each is killed under load, and comes back."""

import asyncio
from collections.abc import Sequence

import pytest
from aiokafka import TopicPartition

from takt.embedded.ports import own_port
from tests.faults.checkers.verdict import enough
from tests.faults.harness import judging, meters, tables
from tests.faults.harness.plant import Plant
from tests.faults.harness.processes import KILLED, Child, until
from tests.faults.harness.reports import passes
from tests.faults.harness.shop import Shop

pytestmark = [pytest.mark.broker, pytest.mark.db, pytest.mark.long, pytest.mark.timeout(240)]
HELD = "takt_relay_slots_held"
COMMANDS = 300


async def load(shop: Shop, addresses: Sequence[str]) -> None:
    """As many commands to each replica; who cannot reach his goes to the next."""
    turned = [[*addresses[first:], *addresses[:first]] for first in range(len(addresses))]
    await asyncio.gather(*(shop.work(others, clients=4, commands=COMMANDS) for others in turned))


async def one_of_each_killed(
    shop: Shop, plant: Plant, relays: Sequence[Child], replicas: Sequence[Child]
) -> list[Child]:
    """Under load, one after the other. Another relay comes up; the replica stays away."""
    victims = [replicas[1], relays[0]]
    for goal, victim in zip((COMMANDS, COMMANDS * 3 // 2), victims, strict=True):
        await until(lambda goal=goal: len(shop.history) > goal, 60, "the load")  # type: ignore[misc] # a default binds the loop's name
        victim.kill()
    plant.messaging("relay")
    return victims


async def test_two_relays_and_three_replicas_keep_the_order_while_one_of_each_is_killed(
    plant: Plant, shop: Shop, log_ends: dict[TopicPartition, int]
) -> None:
    ports = [own_port(), own_port()]
    relays = [plant.messaging("relay", metrics_port=port) for port in ports]
    replicas = [plant.service("api") for _ in range(3)]
    await shop.open(replicas[0][1])
    async with asyncio.TaskGroup() as working:
        working.create_task(load(shop, [address for _, address in replicas]))
        await until(lambda: len(shop.history) > COMMANDS // 2, 60, "the load")
        held = [int(await meters.reading(f"http://127.0.0.1:{port}", HELD)) for port in ports]
        victims = await one_of_each_killed(shop, plant, relays, [child for child, _ in replicas])
    await tables.drained(plant, within_s=60)

    killed = sum(victim.code == KILLED for victim in victims)
    guard = enough(killed=(killed, 2), first_relay_held=(held[0], 1), second_relay_held=(held[1], 1))
    passes([guard, *await judging.verdicts(plant, shop, log_ends, least=COMMANDS)])
