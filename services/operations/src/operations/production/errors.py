"""What can be refused on the shop floor."""

from operations.production.rules import Action
from plantkit.errors import DomainError, Invalid, Kind
from takt_contracts.operations.production import Status


class IllegalTransition(DomainError):
    """An operation cannot take this action in its present status."""

    kind = Kind.CONFLICT
    code = "operation.illegal-transition"
    cure = "Read the operation: its status and hold say which actions are open."

    def __init__(self, *, status: Status, action: Action) -> None:
        super().__init__(f"A {status} operation cannot {action}.", status=status, action=action)


class OnHold(DomainError):
    """The operation is on hold; nothing is started or reported until it is resumed."""

    kind = Kind.CONFLICT
    code = "operation.on-hold"
    cure = "Resume the operation first, or leave it until the reason of the hold is gone."


class NotOnHold(DomainError):
    """Only an operation on hold can be resumed."""

    kind = Kind.CONFLICT
    code = "operation.not-on-hold"
    cure = "Read the operation; nothing needs to be resumed."


class OverDesired(DomainError):
    """More would be processed than the order desires."""

    kind = Kind.CONFLICT
    code = "operation.over-desired"
    cure = "Check the count; if the order really grew, change its desired quantity first."


class DesiredBelowProcessed(Invalid):
    """The desired quantity cannot be less than what is processed already."""

    code = "operation.desired-below-processed"
    cure = "Send a desired quantity of at least what is processed."


class NothingDesired(Invalid):
    """An operation that desires nothing is no work."""

    code = "operation.nothing-desired"
    cure = "Send a desired quantity above 0."


class EndsBeforeStart(Invalid):
    """A planned end lies before the planned start."""

    code = "operation.ends-before-start"
    cure = "Correct the planned times."


class Final(DomainError):
    """A finished or cancelled operation is history and does not change any more."""

    kind = Kind.CONFLICT
    code = "operation.final"
    cure = "Correct its quantities by a correction; plan further work as a new operation."


class BookedDiffers(Invalid):
    """What a workbook says of work done differs from what is booked. An import never changes what is booked."""

    code = "operation.booked-differs"
    cure = "Report the difference instead, or leave the cell empty."


class OpeningDoesNotAddUp(Invalid):
    """What a workbook says of work done on a new operation contradicts itself."""

    code = "operation.opening-does-not-add-up"
    cure = "Correct the cell: what is processed is good and scrap, and a released operation has none of these yet."
