"""The newest state of each subject, and the last events."""

from typing import Any

from sqlalchemy import BigInteger, Column, Identity, Table, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB

from gateway.db import METADATA

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
    Column("no", BigInteger, Identity(always=True), primary_key=True, comment="order of arrival here"),
    Column("entity", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("event", JSONB, nullable=False, comment="the CloudEvent in JSON"),
    UniqueConstraint("entity", "subject", "version"),
    comment="The last events, a few hundred",
)
