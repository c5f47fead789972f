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


class FieldFixed(Invalid):
    """Records were found and named by these fields, and the older ones would not be any more."""

    code = "record-type.field-fixed"
    cure = "Register a new type."


class FieldUndeclared(Invalid):
    """A business key, a searchable or a hidden field is not one that the schema declares as it has to be."""

    code = "record-type.field-undeclared"
    cure = "Name properties of the schema: those of the key are required, hidden ones are neither key nor searchable."
