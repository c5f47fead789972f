"""What can be refused about records."""

from typing import Final

from plantkit.errors import AlreadyExists, DomainError, Forbidden, Invalid, Kind, Malformed, NotFound

KEY_TAKEN: Final = "There is a record of this type with the same business key."


class Hidden(NotFound):
    """To who may not read it a record does not exist. The audit trail knows who asked."""

    always_told = True


class UnknownType(NotFound):
    """There is no record type of this name, so no record of it is made."""

    always_told = True


class UnknownVersion(NotFound):
    """What there never was cannot be proven. The audit trail knows who wanted it."""

    always_told = True


class NotItsCreator(Forbidden):
    """A record is edited and deleted by who created it, and by administrators."""

    code = "record.not-its-creator"
    cure = "Ask its creator, or an administrator; or create a record of your own about the same thing."


class Deleted(DomainError):
    """The record was deleted. Its history stays readable."""

    kind = Kind.GONE
    code = "record.deleted"
    cure = "Read its history; create a new record if it is needed again."


class ContentRefused(Invalid):
    """The content does not obey the schema of its record type."""

    code = "record.content-refused"
    cure = "Correct the parts named in `errors`; the schema is at /api/v1/record-types/{name}."


class ReasonMissing(Invalid):
    """Records of this type are not edited or deleted without a reason."""

    code = "record.reason-missing"
    cure = "Say in `reason` why."


class KeyTaken(AlreadyExists):
    """A record of this type with the same business key exists; the answer names it."""

    code = "record.key-taken"
    cure = "Change that record, or create with ?on_duplicate=return to be answered with it."


class IllegalTransition(DomainError):
    """The lifecycle of a record does not move that way."""

    kind = Kind.CONFLICT
    code = "record.illegal-transition"
    cure = (
        "A draft becomes final or entered-in-error, a final record entered-in-error; that stays. Create a new record."
    )


class MergeConflict(DomainError):
    """Both edits change the same places, named in `errors`."""

    kind = Kind.CONFLICT
    code = "record.merge-conflict"
    cure = "Read it again, decide at the places named in `errors`, and send the new ETag as If-Match."


class Retained(DomainError):
    """Records of this type are kept longer."""

    kind = Kind.CONFLICT
    code = "record.retained"
    cure = "Delete it after the day named in the answer; mark it entered-in-error if it is wrong."


class AsOfOutside(Malformed):
    """The time is before the record was made, or has not come yet."""

    code = "record.as-of-outside"
    always_told = True
    cure = "Ask for a time from the creation of the record until now."
