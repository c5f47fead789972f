"""What can be refused when a record type is registered or changed."""

from plantkit.errors import DomainError, Invalid, Kind


class SchemaRefused(Invalid):
    """The schema is no JSON Schema 2020-12 of an object, or holds what could not be checked within bounds."""

    code = "record-type.schema-refused"
    cure = "Correct the parts of the schema named in `errors`."


class SchemaIncompatible(DomainError):
    """Content that obeys the present schema could break the new one, or the opposite cannot be proved."""

    kind = Kind.CONFLICT
    code = "record-type.schema-incompatible"
    cure = (
        "Only widen: optional fields where the schema forbids unknown ones (`additionalProperties: false`), more "
        "choices, wider limits. For anything else register a new type."
    )


class AccessClassFixed(Invalid):
    """What the log has told of records cannot be taken back, and what it has not told would be missing there."""

    code = "record-type.access-class-fixed"
    cure = "Register a new type of the other class."


class CreatorsCannotRead(Invalid):
    """Somebody could create records of this type and not read them."""

    code = "record-type.creators-cannot-read"
    cure = "For access class health, name only HEALTH and ADMIN as creators."
