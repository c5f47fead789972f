"""FastStream's parser and decoder of ours: records pass through untouched, so that no header can break the batch.

FastStream's own decodes every header first; one that is null or not UTF-8 raises before any handler or policy runs, and
the next commit passes over the batch.
"""

from collections.abc import Sequence

from aiokafka import ConsumerRecord
from faststream.kafka.message import FAKE_CONSUMER, KafkaAckableMessage

Records = tuple[ConsumerRecord, ...]


async def parse(records: Sequence[ConsumerRecord]) -> KafkaAckableMessage:
    """A message that holds the records and nothing of them. The in-memory broker hands over a list, the real one a
    tuple.
    """
    first, last = records[0], records[-1]
    name = f"{first.topic}-{first.partition}-{first.offset}-{last.partition}-{last.offset}"
    return KafkaAckableMessage(
        raw_message=tuple(records),
        body=b"",
        headers={},
        message_id=name,
        correlation_id=name,
        consumer=FAKE_CONSUMER,
    )


async def decode(message: KafkaAckableMessage) -> Records:
    """The records themselves. Who acknowledges is the pipeline, by offset, after its commit."""
    records = message.raw_message
    assert isinstance(records, tuple)
    return records
