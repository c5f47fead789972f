"""Terminals: what the service keeps of them."""

from sqlalchemy import Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from operations.db import Aggregate
from plantkit.resources.resource import Archivable, Resource
from takt_contracts.operations.terminals import TERMINAL


class TerminalRow(Archivable, Aggregate):
    """Where transports are loaded and unloaded."""

    __tablename__ = "terminals"
    __table_args__ = (
        UniqueConstraint("code"),
        Index(None, "name"),
        Index(None, "account_code"),
        {"comment": "Where transports are loaded and unloaded"},
    )

    code: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(200))
    account_code: Mapped[str | None] = mapped_column(String(40))
    address: Mapped[str | None] = mapped_column(String(2000))


TERMINALS = Resource(TERMINAL, TerminalRow, search=("code", "name", "account_code", "address"))
