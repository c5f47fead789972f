"""What can be refused of a work order."""

from plantkit.errors import DomainError, Kind


class OrderIsClosed(DomainError):
    """A closed work order takes no new work and does not change."""

    kind = Kind.CONFLICT
    code = "work-order.closed"
    cure = "Re-open the work order first, with the reason."


class OrderIsOpen(DomainError):
    """Only a closed work order can be opened again."""

    kind = Kind.CONFLICT
    code = "work-order.not-closed"
    cure = "Read the work order; nothing needs to be opened."


class OrderIsUnfinished(DomainError):
    """A work order with operations that are neither finished nor cancelled cannot be closed."""

    kind = Kind.CONFLICT
    code = "work-order.unfinished"
    cure = "Finish or cancel the operations that `operations` names."


class OrderIsArchived(DomainError):
    """An archived work order takes no new work."""

    kind = Kind.CONFLICT
    code = "work-order.archived"
    cure = "Restore the work order first, or use another number."
