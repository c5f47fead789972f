"""Files that came in through this door."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from gateway.db import Aggregate
from takt_contracts.imports.jobs import ImportState
from takt_contracts.roles import Role


class Upload(Aggregate):
    """One file as it was sent. Never changed: what becomes of it is the story of the import with the same id."""

    __tablename__ = "uploads"
    __table_args__ = (
        UniqueConstraint("dataref"),
        CheckConstraint("bytes > 0", name="is_not_empty"),
        Index("uploads_uploaded_by_idx", "uploaded_by", "uploaded_at"),
    )

    file_name: Mapped[str] = mapped_column(String(200), comment="as its sender called it; never a path")
    content_type: Mapped[str] = mapped_column(String(200), comment="as its sender called it")
    dataref: Mapped[str] = mapped_column(String(500), comment="key in the object store")
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    template: Mapped[str | None] = mapped_column(String(40))
    target: Mapped[str | None] = mapped_column(String(40))
    mode: Mapped[str] = mapped_column(String(20))
    atomic: Mapped[bool]
    on_duplicate: Mapped[str] = mapped_column(String(20))
    uploaded_by: Mapped[str] = mapped_column(String(200))
    held_roles: Mapped[str] = mapped_column(String(200), comment="of the sender then; sorted, with blanks between")
    uploaded_at: Mapped[datetime]

    @property
    def roles(self) -> tuple[Role, ...]:
        return tuple(Role(word) for word in self.held_roles.split())

    @property
    def state(self) -> ImportState:
        return ImportState.UPLOADED
