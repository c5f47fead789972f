"""Wrong consumers, each a mistake that is made in the field. They take the place of the product's parts by constructor."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import asyncpg
from aiokafka import TopicPartition
from plantkit import crash
from plantkit.messaging.consumer import Deliveries
from plantkit.messaging.effect import Effect, TransactionalEffect
from plantkit.messaging.inbox import NoGuard
from plantkit.messaging.offsets import Offsets
from plantkit.messaging.subscription import ConsumerStrategies
