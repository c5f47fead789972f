"""Identifiers: UUIDv7, so that new rows land beside each other in an index."""

from uuid import UUID

import uuid_utils.compat


def new_id() -> UUID:
    return uuid_utils.compat.uuid7()
