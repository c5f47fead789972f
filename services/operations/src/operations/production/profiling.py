"""The process profile that an operation is held to: its own, or that of its item. Its parameters are steps too.

Items are read by their table's name: the catalog that keeps them is another slice. The trigger `steps_are_recorded`
asks for the same steps when an operation is finished.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import literal_column, text

from operations.production.model import Operation
from operations.profiles.model import STEPS
from plantkit.db.engine import compile_statement
from plantkit.db.row import Values
from plantkit.db.tx import Beside
from takt_contracts.operations.steps import Step

_IN_FORCE = """
FROM operations.items i JOIN operations.process_profiles p
  ON p.record = coalesce(operations.operations.profile, i.profile)
 AND p.version = coalesce(operations.operations.profile_version, i.profile_version)
WHERE i.code = operations.operations.item
"""
PROFILE: Final[Beside] = (literal_column(f"(SELECT p.steps {_IN_FORCE})").label("profile_steps"),)
IN_FORCE = compile_statement(
    text(
        "SELECT found.* FROM operations.operations CROSS JOIN LATERAL (SELECT p.record, p.version, p.steps,"  # noqa: S608 -- words of ours
        f" operations.operations.profile IS NULL AS of_item {_IN_FORCE}) found WHERE operations.operations.id = :id"
    )
)


def owed(operation: Operation, read: Values) -> Sequence[Step]:
    """Every step of an operation, read together with `PROFILE`. One code may be there twice; then both hold."""
    asked = read["profile_steps"]
    return (*operation.steps, *(() if asked is None else STEPS.validate_json(asked)))
