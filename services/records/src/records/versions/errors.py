"""What can be refused about records."""

from plantkit.errors import DomainError, Forbidden, Invalid, Kind, NotFound


class Hidden(NotFound):
    """To who may not read it a record does not exist. The audit trail knows who asked."""

    by_rights = True


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
