"""What the operations of a work order make of it. Pure: no database, no clock, no framework."""

from collections.abc import Collection

from takt_contracts.operations.production import Status

OPEN = frozenset({Status.RELEASED, Status.IN_PROGRESS})
BEGUN = frozenset({Status.IN_PROGRESS, Status.FINISHED})


def status_of(operations: Collection[Status]) -> Status:
    """The order's status, from those of its operations, in any order and as often as they come.

    Edge: an order without operations is RELEASED. What was cancelled says nothing while anything else is there.
    """
    found = set(operations)
    if found & OPEN:
        return Status.IN_PROGRESS if found & BEGUN else Status.RELEASED
    if Status.FINISHED in found:
        return Status.FINISHED
    return Status.CANCELLED if found else Status.RELEASED
