"""What can go wrong, as kinds and stable codes. Imports nothing heavy: rules and contracts may use it.

Each class is one entry of docs/errors.md: its docstring is the cause, `cure` is what to do about it.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import ClassVar

from takt_contracts.problem import FieldError


class Kind(StrEnum):
    """What sort of trouble it is. `plantkit.http.problems` says which HTTP status answers each."""

    MALFORMED = "malformed"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not-found"
    NOT_ALLOWED = "not-allowed"
    CONFLICT = "conflict"
    GONE = "gone"
    STALE = "stale"
    TOO_LARGE = "too-large"
    UNSUPPORTED = "unsupported"
    INVALID = "invalid"
    PRECONDITION_REQUIRED = "precondition-required"
    LIMITED = "limited"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


class DomainError(Exception):
    """Base of every refusal. Subclasses name a `kind`, a stable `code` and a `cure`.

    The audit trail tells of `always_told` ones whatever the request was: somebody else would have been answered, or it
    stood on what is not so.
    """

    kind: ClassVar[Kind]
    code: ClassVar[str]
    cure: ClassVar[str]
    always_told: ClassVar[bool] = False

    def __init__(self, detail: str, *, errors: Sequence[FieldError] = (), **values: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.values = values


class Malformed(DomainError):
    """The request cannot be read: a broken header, query or body."""

    kind = Kind.MALFORMED
    code = "request.malformed"
    cure = "Correct the named part of the request and send it again."


class Unauthenticated(DomainError):
    """No access token was sent, or it is not valid (any more)."""

    kind = Kind.UNAUTHENTICATED
    code = "auth.unauthenticated"
    cure = "Sign in at /api/v1/auth/login and send the access token as `Authorization: Bearer ...`."


class Forbidden(DomainError):
    """The signed-in user has none of the roles that this action needs."""

    kind = Kind.FORBIDDEN
    code = "auth.forbidden"
    cure = "Ask an administrator for one of the roles named in the answer."


class NotFound(DomainError):
    """Nothing with this key exists, or it is archived."""

    kind = Kind.NOT_FOUND
    code = "resource.not-found"
    cure = "Check the key; archived ones are shown with ?archived=true."

    def __init__(self, what: str, key: object) -> None:
        super().__init__(f"There is no {what.replace('-', ' ')} {key!s}.", what=what, key=key)


class AlreadyExists(DomainError):
    """The key is taken, also by an archived one: a key is never given twice."""

    kind = Kind.CONFLICT
    code = "resource.already-exists"
    cure = "Use another key, or change the existing one with PATCH."


class InUse(DomainError):
    """Others still refer to it; the answer names up to ten of them."""

    kind = Kind.CONFLICT
    code = "resource.in-use"
    cure = "Change, stop or archive the users named in the answer first."


class Stale(DomainError):
    """Somebody changed it after you read it."""

    kind = Kind.STALE
    code = "resource.stale"
    cure = "Read it again, apply your change to the new state, and send the new ETag as If-Match."


class PreconditionRequired(DomainError):
    """A change must say which version it is based on."""

    kind = Kind.PRECONDITION_REQUIRED
    code = "resource.precondition-required"
    cure = "Send the ETag that you read as the If-Match header."


class Invalid(DomainError):
    """The body was read but breaks a rule; `errors` points at each field."""

    kind = Kind.INVALID
    code = "request.invalid"
    cure = "Correct the fields named in `errors`."


class KeyImmutable(Invalid):
    """A natural key never changes, because events and other systems refer to it."""

    code = "resource.key-immutable"
    cure = "Leave the key as it is; create a new one and archive this one instead."


class UnknownReference(Invalid):
    """A field refers to something that does not exist."""

    code = "resource.unknown-reference"
    cure = "Create what the field refers to first, or correct the value."


class IdempotencyKeyMissing(Malformed):
    """This action is only safe to repeat with an Idempotency-Key."""

    code = "idempotency.key-missing"
    cure = "Send a fresh random value as Idempotency-Key, and the same value when you repeat the request."


class IdempotencyKeyReused(Invalid):
    """The same Idempotency-Key came with another request."""

    code = "idempotency.key-reused"
    cure = "Use a fresh key for each new request; repeat a key only with the same body."


class IdempotencyInProgress(DomainError):
    """The first request with this Idempotency-Key is still running."""

    kind = Kind.CONFLICT
    code = "idempotency.in-progress"
    cure = "Wait a moment and repeat the request with the same key."


class Unavailable(DomainError):
    """Something this needs is away for the moment; nothing was done."""

    kind = Kind.UNAVAILABLE
    code = "service.unavailable"
    cure = "Repeat the request after the time in Retry-After; with an Idempotency-Key this is always safe."


class Busy(Unavailable):
    """A row or the database was locked for too long; nothing was done."""

    code = "service.busy"
    cure = "Repeat the request; with an Idempotency-Key this is always safe."


class TooLargeEvent(Invalid):
    """The event of this change would be larger than the log accepts."""

    code = "event.too-large"
    cure = "Shorten the long texts of the request."


def every_error() -> list[type[DomainError]]:
    """All error classes loaded so far that carry a code of their own, by code."""
    found: dict[str, type[DomainError]] = {}
    todo = list(DomainError.__subclasses__())
    while todo:
        error = todo.pop()
        todo.extend(error.__subclasses__())
        code = error.__dict__.get("code")
        if code is None:
            continue
        if code in found:
            raise RuntimeError(f"{error.__name__} and {found[code].__name__} share the code {code}")
        found[code] = error
    return [found[code] for code in sorted(found)]
