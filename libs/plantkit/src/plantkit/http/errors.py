"""What is refused at the edge, before any handler runs."""

from plantkit.errors import DomainError, Invalid, Kind, Malformed, Unavailable


class NoSuchPath(DomainError):
    """No endpoint has this path."""

    kind = Kind.NOT_FOUND
    code = "request.no-such-path"
    cure = "Compare the path with /docs."


class MethodNotAllowed(DomainError):
    """The path exists, but not with this method."""

    kind = Kind.NOT_ALLOWED
    code = "request.method-not-allowed"
    cure = "Use one of the methods named in the Allow header."


class TooLarge(DomainError):
    """The body is larger than this endpoint takes."""

    kind = Kind.TOO_LARGE
    code = "request.too-large"
    cure = "Send less at once."


class UnsupportedMediaType(DomainError):
    """The body is not of a content type that this endpoint reads."""

    kind = Kind.UNSUPPORTED
    code = "request.unsupported-media-type"
    cure = "Send the body as application/json."


class Internal(DomainError):
    """Something failed inside. Nothing of it is told; it is logged under the trace id."""

    kind = Kind.INTERNAL
    code = "internal"
    cure = "Repeat the request; when it fails again, give the trace_id to whoever runs the plant's stack."


class MalformedJson(Malformed):
    """The body is not one JSON text (RFC 8259); NaN and Infinity are not numbers."""

    code = "json.malformed"
    cure = "Correct the body at the position named in the answer."


class NotUtf8(MalformedJson):
    """The body is not UTF-8, or it starts with a byte order mark."""

    code = "json.not-utf8"
    cure = "Encode the body as UTF-8 without a byte order mark."


class DuplicateName(MalformedJson):
    """An object of the body has the same name twice, so readers would disagree on its value."""

    code = "json.duplicate-name"
    cure = "Send each name of an object once."


class TooDeep(MalformedJson):
    """The body nests arrays and objects deeper than any request needs."""

    code = "json.too-deep"
    cure = "Flatten the body."


class Unstorable(Invalid):
    """A text of the body holds NUL or half of a surrogate pair, which no database and no other reader takes."""

    code = "request.unstorable-text"
    cure = "Remove the characters from the fields named in `errors`."


class UnknownQueryName(Malformed):
    """A query parameter, filter, sort or field name that this endpoint does not know."""

    code = "query.unknown-name"
    cure = "Use one of the names listed in the answer."


class BadQueryValue(Malformed):
    """A query parameter has a value that cannot be read."""

    code = "query.bad-value"
    cure = "Correct the parameter named in the answer."


class BadCursor(Malformed):
    """The cursor was not made by this list, or the sort, the filters or the cursor were changed since."""

    code = "query.bad-cursor"
    cure = "Pass `page.next` back unchanged with the same sort and filters, or start again without a cursor."


class BadIfMatch(Malformed):
    """If-Match is not one strong ETag such as "7"."""

    code = "request.bad-if-match"
    always_told = True
    cure = "Send the ETag exactly as it was read, with its quotes."


class BadIdempotencyKey(Malformed):
    """The Idempotency-Key is empty, longer than 255 characters, or not printable ASCII."""

    code = "idempotency.bad-key"
    cure = "Send 1 to 255 printable ASCII characters, such as a random UUID."


class BadConsistencyToken(Malformed):
    """Takt-Consistency is not a token that this stack gave out."""

    code = "read.bad-consistency-token"
    cure = "Send the Takt-Consistency header of a write's answer unchanged, or leave it out."


class NotYet(Unavailable):
    """The read model has not yet seen the write that the Takt-Consistency header names."""

    code = "read.not-yet"
    cure = "Repeat the read after the time in Retry-After."
