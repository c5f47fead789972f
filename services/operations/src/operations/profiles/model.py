"""Process profiles as records tells them: each final version with what it asks for. Items and operations refer to them.

A version is a row of its own that never changes, so it does not matter in which order they come.
"""

from typing import Final
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, UniqueConstraint, bindparam, text
from sqlalchemy.orm import Mapped, mapped_column

from operations.db import Row
from plantkit.db.engine import compile_statement
from plantkit.db.structured import Structured
from plantkit.db.tx import Tx
from plantkit.errors import UnknownReference
from takt_contracts.operations.steps import Step
from takt_contracts.problem import FieldError

STEPS: Final[TypeAdapter[tuple[Step, ...]]] = TypeAdapter(tuple[Step, ...])
_KNOWN = compile_statement(
    text(
        "SELECT version, withdrawn FROM operations.process_profiles"
        " WHERE record = :profile AND (withdrawn OR version = :version)"
    ).bindparams(bindparam("version", type_=BigInteger))
)
_RECORD_KNOWN = compile_statement(
    text("SELECT 1 FROM operations.process_profiles WHERE record = :profile AND NOT withdrawn LIMIT 1")
)


class ProcessProfileRow(Row):
    """A version of a process profile. `withdrawn` is one that says that the profile holds no more."""

    __tablename__ = "process_profiles"
    __table_args__ = (
        UniqueConstraint("record", "version"),
        {"comment": "Final versions of process profiles, as records tells them; append-only"},
    )

    record: Mapped[UUID]
    version: Mapped[int] = mapped_column(BigInteger)
    withdrawn: Mapped[bool]
    steps: Mapped[tuple[Step, ...]] = mapped_column(Structured(Step))


def bound_profile() -> tuple[ForeignKeyConstraint, CheckConstraint]:
    """The constraints of a table with the columns `profile` and `profile_version`."""
    return (
        ForeignKeyConstraint(
            ["profile", "profile_version"],
            ["operations.process_profiles.record", "operations.process_profiles.version"],
        ),
        CheckConstraint("(profile IS NULL) = (profile_version IS NULL)", name="profile_is_whole"),
    )


async def require_profile(tx: Tx, profile: UUID | None, version: int | None) -> None:
    """None is always there. Raises UnknownReference naming the field: no such profile, or no such version of it."""
    if profile is None:
        return
    found = await tx.fetch(_KNOWN, profile=profile, version=version)
    if any(one["withdrawn"] for one in found):
        raise _unknown("profile", f"The process profile {profile} was withdrawn.")
    if found:
        return
    if not await tx.fetch(_RECORD_KNOWN, profile=profile):
        raise _unknown("profile", f"There is no process profile {profile} with a final version.")
    raise _unknown("profile_version", f"The process profile {profile} has no final version {version}.")


def _unknown(field: str, detail: str) -> UnknownReference:
    return UnknownReference(
        detail, errors=[FieldError(pointer=f"/{field}", code="field.unknown-reference", detail=detail)]
    )
