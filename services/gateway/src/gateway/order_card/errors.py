"""What the card refuses."""

from plantkit.errors import DomainError, Kind


class OrderUnknown(DomainError):
    """No event that this gateway has seen is about this order."""

    kind = Kind.NOT_FOUND
    code = "order.unknown"
    cure = "Compare the number; when `stale` is true the gateway lags behind the log, so ask again later."
