"""What can be refused of a row of an import, beside what may be refused of a resource."""

from plantkit.errors import DomainError, Kind


class Archived(DomainError):
    """The row's key belongs to something archived, which no import brings back."""

    kind = Kind.CONFLICT
    code = "resource.archived"
    cure = "Restore it first, or use another key."


class RowExists(DomainError):
    """The row's key is in the plant already, and the import was told to refuse such rows."""

    kind = Kind.CONFLICT
    code = "row.exists"
    cure = "Take the row out, or import with on_duplicate update or skip."


class TwiceInBatch(DomainError):
    """Two rows of one import have the same key."""

    kind = Kind.CONFLICT
    code = "row.duplicate"
    cure = "Keep one of the rows."


class Drifted(DomainError):
    """Somebody changed it after the plan was made; nothing is overwritten."""

    kind = Kind.STALE
    code = "row.stale"
    cure = "Plan the import again: it shows what is there now."


class NotAlone(DomainError):
    """The row is good, but all rows of this import were to land or none, and another was refused."""

    kind = Kind.CONFLICT
    code = "row.not-alone"
    cure = "Correct the refused rows, or import without atomic."
