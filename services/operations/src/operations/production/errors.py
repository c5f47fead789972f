"""What can be refused on the shop floor."""

from operations.production.rules import Action
from plantkit.errors import DomainError, Invalid, Kind
from takt_contracts.operations.production import Status
from takt_contracts.problem import FieldError


def at_field(field: str, error: type[DomainError], detail: str, code: str = "field.rule") -> DomainError:
    """The refusal that one field of the body has caused."""
    return error(detail, errors=[FieldError(pointer=f"/{field}", code=code, detail=detail)])


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


class OverHandedOver(DomainError):
    """More would be processed than the operation before has handed over."""

    kind = Kind.CONFLICT
    code = "operation.over-handed-over"
    cure = "Check the count; report the good of the operation before first, or allow a tolerance."


class NothingHandedOver(DomainError):
    """The operation before has handed over nothing yet, so there is nothing to work on."""

    kind = Kind.CONFLICT
    code = "operation.nothing-handed-over"
    cure = "Report good on the operation before first; if it is left out, cancel it."


class ConsumedDownstream(DomainError):
    """The operation after has processed more than would be handed over to it then."""

    kind = Kind.CONFLICT
    code = "operation.consumed-downstream"
    cure = "Correct the operation after first: it cannot have processed what it never got."


class UnknownEntry(Invalid):
    """The ledger of the operation has no such entry."""

    code = "operation.unknown-entry"
    cure = "Read the operation's ledger and name one of its entries."


class CorrectionOfCorrection(Invalid):
    """A correction is not corrected: it declares one wrong entry, once."""

    code = "operation.correction-of-correction"
    cure = "Report what is missing, or correct another report of the operation."


class AlreadyCorrected(DomainError):
    """The entry was declared wrong before."""

    kind = Kind.CONFLICT
    code = "operation.already-corrected"
    cure = "Read the ledger: the correction names the entry. Report what is missing, or correct another report."


class NothingToCorrect(Invalid):
    """The entry says just that already."""

    code = "operation.nothing-to-correct"
    cure = "Send what the entry should have said."


class CounterDoesNotContinue(DomainError):
    """A counter began somewhere else than where the last report ended, and nobody said why; or it ran backwards."""

    kind = Kind.CONFLICT
    code = "operation.counter-does-not-continue"
    cure = "Read the counter again, or say in counter_reason why it jumped ahead or begins at 0."


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


class DueBeforeStart(Invalid):
    """An operation is due before it is planned to start."""

    code = "operation.due-before-start"
    cure = "Correct the due date or the planned start."


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


class ElsewhereAlready(DomainError):
    """A machine or a person is at another operation; nothing and nobody is in two places."""

    kind = Kind.CONFLICT
    code = "timer.elsewhere-already"
    cure = "Stop its timer at the operation that the answer names, or name another machine or person."


class NotRunning(DomainError):
    """Time and values are taken of work that runs: the operation is not in progress, or on hold."""

    kind = Kind.CONFLICT
    code = "operation.not-running"
    cure = "Start or resume the operation first."


class TimerEnded(DomainError):
    """The timer has been stopped already."""

    kind = Kind.CONFLICT
    code = "timer.ended"
    cure = "Read the operation's timers; open a new one where work goes on."


class QualificationMissing(Invalid):
    """The operation takes a qualification, and nobody who has it was named."""

    code = "qualification.missing"
    cure = "Name an employee who is qualified, or enter the qualification with the employee."


class QualificationExpired(Invalid):
    """The employee was qualified for the operation, and is not any more."""

    code = "qualification.expired"
    cure = "Name another employee, or renew the qualification and enter its new end."


class QualificationNotYetValid(Invalid):
    """The employee will be qualified for the operation, but is not yet."""

    code = "qualification.not-yet-valid"
    cure = "Name another employee, or start when the qualification is valid."


class UnknownStep(Invalid):
    """The operation has no such step."""

    code = "step.unknown"
    cure = "Read the operation: `steps` lists what is to be recorded."


class ValueUnfit(Invalid):
    """The value is not of the step's kind: no number, not yes or no, or none of the choices."""

    code = "step.value-unfit"
    cure = "Send a value of the kind that the step names."


class StepsMissing(DomainError):
    """Steps that are required are not recorded, or were last recorded outside of their limits."""

    kind = Kind.CONFLICT
    code = "step.missing"
    cure = "Record the steps that the answer names within their limits, then finish."
