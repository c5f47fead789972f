"""Up to when a read model is known to hold everything, written down once a second by the process that feeds it.

A look notes the ends of the log and the time. When the group has committed past those ends, the model holds all that
the log held at that time, however much was told since. While nothing is told, each look reaches the present at once.
"""

import asyncio
import time
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from itertools import groupby

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from plantkit.context import Context
from plantkit.db.engine import FAILED
from plantkit.errors import DomainError
from plantkit.messaging.broker import commit_client, start_client
from plantkit.messaging.consumer import Consumer
from plantkit.messaging.metrics import READ_MODEL_AS_OF
from plantkit.messaging.provision import Places, partitions_of
from plantkit.messaging.read_models import ReadModel
from plantkit.observability import logs

EVERY_S = 1.0
_REMEMBERED = 600
_TROUBLE = (*FAILED, DomainError, KafkaError)
log = logs.get(__name__)

# Nothing is lost with the last second of this, so the commit does not wait for the disk.
_WRITE = """
WITH quiet AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)),
seen AS (
    SELECT topic, age_s, lag, passed,
           (SELECT count(*) FROM parked
            WHERE group_name = $2 AND parked.topic = given.topic AND state IN ('retry', 'parked')) AS aside
    FROM quiet, unnest($3::text[], $4::float8[], $5::bigint[], $6::bigint[]) AS given (topic, age_s, lag, passed)
)
INSERT INTO read_model_progress AS known (model, topic, as_of, lag, aside, passed, checked_at)
SELECT $1, topic, CASE WHEN aside = 0 THEN clock_timestamp() - make_interval(secs => age_s) END, lag, aside, passed,
       clock_timestamp()
FROM seen
ON CONFLICT (model, topic) DO UPDATE SET as_of = greatest(known.as_of, excluded.as_of), lag = excluded.lag,
    aside = excluded.aside, passed = greatest(known.passed, excluded.passed), checked_at = excluded.checked_at
RETURNING topic, extract(epoch FROM as_of)::float8
"""


class Marks:
    """Ends of one topic as they were seen, each with its time."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, Mapping[TopicPartition, int]]] = deque(maxlen=_REMEMBERED)
        self._reached: float | None = None

    def see(self, at: float, ends: Mapping[TopicPartition, int]) -> None:
        """Ends that went back are those of another log: what was seen of the lost one is never reached in it."""
        if self._seen and any(end < self._seen[-1][1].get(partition, 0) for partition, end in ends.items()):
            self._seen.clear()
        self._seen.append((at, ends))

    def reached(self, committed: Mapping[TopicPartition, int | None]) -> float | None:
        """The last time whose ends the group has passed; None before the first."""
        while self._seen and _is_past(committed, self._seen[0][1]):
            self._reached = self._seen.popleft()[0]
        return self._reached


def _is_past(committed: Mapping[TopicPartition, int | None], ends: Mapping[TopicPartition, int]) -> bool:
    """A group without an offset has read nothing, even where nothing is left to read."""
    places = [(committed[partition], end) for partition, end in ends.items()]
    return all(offset is not None and offset >= end for offset, end in places)


class FreshnessKeeper:
    """Looks after the model of one consumer. Several replicas may: the newest knowledge wins."""

    def __init__(self, context: Context, consumer: Consumer, model: ReadModel, *, every_s: float = EVERY_S) -> None:
        self._context, self._consumer, self._model = context, consumer, model
        self._every_s = every_s
        self._marks = {topic: Marks() for topic in consumer.topics}

    async def run(self) -> None:
        """Runs until cancelled. While broker or database is away nothing is written, so the model grows stale."""
        while True:
            try:
                await self._watch()
            except _TROUBLE as trouble:
                log.warning("freshness.waiting", model=self._model.name, error=type(trouble).__name__)
            await asyncio.sleep(self._every_s)

    async def _watch(self) -> None:
        client = commit_client(self._context.settings.kafka_bootstrap, self._consumer.group)
        try:
            await start_client(client)
            partitions = await partitions_of(client, self._consumer.topics)
            while True:
                at = time.monotonic()
                await self.write(at, await _places(client, partitions))
                await asyncio.sleep(self._every_s)
        finally:
            await client.stop()

    async def write(self, at: float, places: Places) -> None:
        """Keep what a look that began `at` has found, by topic."""
        rows = []
        for topic, found in groupby(sorted(places.end), key=lambda partition: partition.topic):
            part = _only(places, list(found))
            self._marks[topic].see(at, part.end)
            reached = self._marks[topic].reached(part.committed)
            age_s = None if reached is None else time.monotonic() - reached
            rows.append((topic, age_s, part.lag, sum(offset or 0 for offset in part.committed.values())))
        async with self._context.db.connection() as connection:
            columns = [list(column) for column in zip(*rows, strict=True)]
            written = await connection.fetch(_WRITE, self._model.name, self._consumer.group, *columns)
        for topic, as_of in written:
            READ_MODEL_AS_OF.labels(self._model.name, topic).set(as_of or 0)


def _only(places: Places, partitions: Collection[TopicPartition]) -> Places:
    committed, first, end = places.committed, places.first, places.end
    return Places(
        {tp: committed[tp] for tp in partitions},
        {tp: first[tp] for tp in partitions},
        {tp: end[tp] for tp in partitions},
    )


async def _places(client: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> Places:
    """As `places_of`, in two questions whatever the number of partitions: it is asked every second.

    The ends come first: what is committed later may be past them, never the other way round.
    """
    ends = await client.end_offsets(partitions)
    found = await client._coordinator.fetch_committed_offsets(partitions)  # the public call asks for one partition
    committed = {partition: _offset(found.get(partition)) for partition in partitions}
    return Places(committed, dict.fromkeys(partitions, 0), ends)


def _offset(found: object) -> int | None:
    offset = getattr(found, "offset", -1)
    return offset if isinstance(offset, int) and offset >= 0 else None
