"""`takt verify`: every link of the audit chains computed anew, and held against the checkpoints that the log keeps.

The tables alone could be cut off together with their checkpoints; what was published cannot be taken back.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import asyncpg
import typer
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from plantkit.db.engine import FAILED
from plantkit.messaging.broker import start_client
from records.audit.keys import CheckpointKey, PublicKeys, is_signed, public_keys
from records.audit.verifying import Verdict, Verifier
from takt.errors import StackError
from takt.rebuild import settings_of
from takt_contracts.records.checkpoints import Checkpoint, CheckpointSigned


def run(data: Path, retired: Sequence[str] = ()) -> int:
    """0: all is as it was signed; 1: it is not. Raises StackError when no stack runs on the folder."""
    verdict = judged(settings_of(data, "records"), retired)
    for stream, number in verdict.entries.items():
        typer.echo(f"{stream:<12}{number:>10} entries {verdict.checkpoints[stream]:>8} checkpoints")
    for finding in verdict.findings:
        typer.echo(f"NOT AS IT WAS SIGNED: {finding}", err=True)
    return 1 if verdict.findings else 0


def judged(settings: Mapping[str, str], retired: Sequence[str]) -> Verdict:
    """By the settings of records, and the public keys it had before.

    Raises StackError for what is no key, and when database or broker do not answer.
    """
    try:
        return asyncio.run(_judge(settings, _keys(settings, retired)))
    except (*FAILED, KafkaError) as away:
        raise StackError(f"The chains cannot be read: {away}") from None


def _keys(settings: Mapping[str, str], retired: Sequence[str]) -> PublicKeys:
    present = CheckpointKey(settings["TAKT_RECORDS_AUDIT_KEY"])
    try:
        return public_keys(present, retired)
    except ValueError as error:
        raise StackError(f"--retired-key {' '.join(retired)}: {error}; give the `x` of an earlier key set.") from None


async def _judge(settings: Mapping[str, str], keys: PublicKeys) -> Verdict:
    connection = await asyncpg.connect(
        settings["TAKT_RECORDS_DATABASE_URL"], server_settings={"search_path": "records", "timezone": "UTC"}
    )
    try:
        published = [one async for one in _published(settings["TAKT_RECORDS_KAFKA_BOOTSTRAP"], keys)]
        return await Verifier(connection, keys, published).verify()
    finally:
        await connection.close()


async def _published(bootstrap: str, keys: PublicKeys) -> AsyncIterator[Checkpoint]:
    """What the log has and one of our keys signed: others may write to a topic, but not in our name."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    try:
        await start_client(consumer)
        async for value in _values(consumer, TopicPartition(CheckpointSigned.topic, 0)):
            try:
                told = CheckpointSigned.model_validate_json(value or b"").state
            except ValidationError:
                continue
            if is_signed(told, keys):
                yield told
    finally:
        await consumer.stop()


async def _values(consumer: AIOKafkaConsumer, place: TopicPartition) -> AsyncIterator[bytes | None]:
    """From the first record to the one that is the last now."""
    consumer.assign([place])
    end = (await consumer.end_offsets([place]))[place]
    await consumer.seek_to_beginning(place)
    while await consumer.position(place) < end:
        for record in (await consumer.getmany(place, timeout_ms=500)).get(place, []):
            yield record.value
