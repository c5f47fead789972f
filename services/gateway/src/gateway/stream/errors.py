"""Why a stream is not opened."""

from plantkit.errors import DomainError, Kind, Malformed


class BadPosition(Malformed):
    """Last-Event-ID is not a position that this stack gave out."""

    code = "stream.bad-position"
    cure = "Send the `id` of the last event that you received, unchanged, or leave the header away for the live tail."


class PositionGone(DomainError):
    """The log no longer holds what follows this position, or never reached it."""

    kind = Kind.GONE
    code = "stream.position-gone"
    cure = "Read the present state over the API, then open the stream without Last-Event-ID."


class UnknownFilter(Malformed):
    """`types` or `topics` names something that is not in the event catalogue."""

    code = "stream.unknown-filter"
    cure = "Use names from /asyncapi, separated by commas."


class TooManyStreams(DomainError):
    """This gateway already serves as many streams as it can."""

    kind = Kind.LIMITED
    code = "stream.too-many"
    cure = "Close streams that nobody looks at, or try again after the time in Retry-After."
