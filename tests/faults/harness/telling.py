"""A run of the relay: writers commit, a relay is disturbed, another takes over, and the topic is judged."""

from tests.faults.checkers import order, queue
from tests.faults.checkers.history import Op, Out
from tests.faults.checkers.verdict import Verdict, enough
from tests.faults.harness import tables, topics
from tests.faults.harness.plant import Plant

FEWEST = 200


async def owner_of_slots(plant: Plant) -> str:
    """Of a run in which one relay has them all."""
    return str(await tables.value(plant, "SELECT max(owner) FROM relay_slots"))


async def taken_over(plant: Plant, owner: str) -> None:
    """Somebody else has everything that this relay owned. Raises Stuck."""
    await tables.becomes(plant, 0, "SELECT count(*) FROM relay_slots WHERE owner = $1", owner, within_s=60)


async def verdicts(
    plant: Plant, history: list[Op], *, faults: int, wanted: int = 1, once: bool = False
) -> list[Verdict]:
    """What was acknowledged to writers is in the outbox; what is in the outbox is in the topic, in order per key.

    `once`: no relay had a reason to tell anything again, so every record is there once.
    """
    history = plant.written(history)
    raw = await topics.read(plant.bootstrap, [plant.topic], {})
    records = [topics.as_record(one) for one in raw]
    kept = await tables.told(plant, plant.topic)
    return [
        enough(faults=(faults, wanted), acknowledged=(len(history), FEWEST)),
        queue.account({op.val: op.out for op in history}, kept, once=True, least=FEWEST),
        queue.account(dict.fromkeys(kept, Out.OK), [record.id for record in records], once=once, least=FEWEST),
        order.first_seen(records, least=FEWEST),
    ]
