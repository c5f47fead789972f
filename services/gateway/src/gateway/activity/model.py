"""The newest state of each subject, and the last events."""

from typing import Any

from sqlalchemy import BigInteger, Column, Index, Table, Text
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from gateway.db import METADATA
from plantkit.messaging.read_models import ReadModel

Json = dict[str, Any]

SUBJECTS = Table(
    "subjects",
    METADATA,
    Column("entity", Text, primary_key=True, comment="takt.<service>.<entity>, the topic"),
    Column("subject", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("type", Text, nullable=False, comment="type of its newest event"),
    Column("state", JSONB, nullable=False),
    comment="The newest state of every subject, by the version guard",
)
RECENT_EVENTS = Table(
    "recent_events",
    METADATA,
    Column("entity", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("time", TIMESTAMP(timezone=True), nullable=False, comment="when it happened"),
    Column("type", Text, nullable=False),
    Column("event", JSONB, nullable=False, comment="the CloudEvent in JSON"),
    Index("recent_events_time_idx", "time"),
    comment="The last events, by the time when they happened",
)
MODEL = ReadModel(name="activity", tables=(SUBJECTS, RECENT_EVENTS))
