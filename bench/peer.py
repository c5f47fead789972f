"""The peer: what a team writes by the manuals. Sync FastAPI, SQLAlchemy ORM, psycopg2; the same tables and constraints.

It validates its bodies and keeps its rows, and that is all: no token, no idempotency key, no event, no audit entry. As
FastAPI's own tutorial has it, a session comes from a dependency, and a row is added, committed and refreshed. Tuned are
the pool and the threads: one pooled connection a thread, no ping, threads as many as the load has connections.

`/lean/workplaces` is the same create with what the manuals do not say: no dependency (which costs two hops to a thread)
and no refresh (which costs a query). It is reported beside, for who wants to know what a day of profiling would give.
"""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, TypeVar
from uuid import UUID, uuid4

import uvicorn
from anyio import to_thread
from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Numeric,
    Select,
    String,
    UniqueConstraint,
    create_engine,
    select,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

THREADS = int(os.environ.get("PEER_THREADS", "16"))
_QUANTITY = Numeric(18, 6)
_TIME = TIMESTAMP(timezone=True)


def _now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    pass


class Stored:
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    created_at: Mapped[datetime] = mapped_column(_TIME, default=_now)
    updated_at: Mapped[datetime] = mapped_column(_TIME, default=_now)
    archived_at: Mapped[datetime | None] = mapped_column(_TIME)


class Workplace(Stored, Base):
    __tablename__ = "workplaces"
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    area: Mapped[str | None] = mapped_column(String(200))
    description: Mapped[str | None] = mapped_column(String(2000))


class Item(Stored, Base):
    __tablename__ = "items"
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(200))


class Operation(Stored, Base):
    __tablename__ = "operations"
    __table_args__ = (
        UniqueConstraint("order_no", "operation_no"),
        CheckConstraint("qty_processed = qty_good + qty_scrap"),
        CheckConstraint("qty_processed <= qty_desired"),
    )
    order_no: Mapped[str] = mapped_column(String(40))
    operation_no: Mapped[str] = mapped_column(String(40))
    workplace: Mapped[str] = mapped_column(ForeignKey("workplaces.code"), index=True)
    item: Mapped[str] = mapped_column(ForeignKey("items.code"), index=True)
    due: Mapped[datetime | None] = mapped_column(_TIME, index=True)
    qty_desired: Mapped[Decimal] = mapped_column(_QUANTITY)
    qty_processed: Mapped[Decimal] = mapped_column(_QUANTITY, default=Decimal(0))
    qty_good: Mapped[Decimal] = mapped_column(_QUANTITY, default=Decimal(0))
    qty_scrap: Mapped[Decimal] = mapped_column(_QUANTITY, default=Decimal(0))
    status: Mapped[str] = mapped_column(String(20), default="RELEASED", index=True)


class LedgerEntry(Base):
    __tablename__ = "ledger_entries"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    created_at: Mapped[datetime] = mapped_column(_TIME, default=_now)
    operation_id: Mapped[UUID] = mapped_column(ForeignKey("operations.id"), index=True)
    good: Mapped[Decimal] = mapped_column(_QUANTITY)
    scrap: Mapped[Decimal] = mapped_column(_QUANTITY)
    reason: Mapped[str | None] = mapped_column(String(200))


class WorkplaceIn(BaseModel):
    code: str = Field(min_length=1, max_length=40)
    name: str = Field(min_length=1, max_length=200)
    area: str | None = Field(None, max_length=200)
    description: str | None = Field(None, max_length=2000)


class WorkplaceOut(WorkplaceIn):
    model_config = ConfigDict(from_attributes=True)
    id: UUID
    version: int
    created_at: datetime
    updated_at: datetime


class OperationIn(BaseModel):
    order_no: str = Field(min_length=1, max_length=40)
    operation_no: str = Field(min_length=1, max_length=40)
    workplace: str = Field(min_length=1, max_length=40)
    item: str = Field(min_length=1, max_length=40)
    due: datetime | None = None
    qty_desired: Decimal = Field(gt=0, max_digits=18, decimal_places=6)


class OperationOut(OperationIn):
    model_config = ConfigDict(from_attributes=True)
    id: UUID
    version: int
    created_at: datetime
    updated_at: datetime
    qty_processed: Decimal
    qty_good: Decimal
    qty_scrap: Decimal
    status: str


class ReportIn(BaseModel):
    good: Decimal = Field(Decimal(0), ge=0, max_digits=18, decimal_places=6)
    scrap: Decimal = Field(Decimal(0), ge=0, max_digits=18, decimal_places=6)
    reason: str | None = Field(None, max_length=200)


engine = create_engine(
    os.environ["PEER_DATABASE_URL"], pool_size=THREADS, max_overflow=0, pool_pre_ping=False, pool_use_lifo=True
)
Lean = sessionmaker(engine, expire_on_commit=False)
B = TypeVar("B", bound=Base)


def get_session() -> Iterator[Session]:
    with Session(engine) as session:
        yield session


Sessioned = Annotated[Session, Depends(get_session)]


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    Base.metadata.create_all(engine)
    to_thread.current_default_thread_limiter().total_tokens = THREADS
    yield
    engine.dispose()


app = FastAPI(lifespan=lifespan)


@app.get("/ready")
def ready() -> str:
    return "ready"


@app.post("/workplaces", status_code=201, response_model=WorkplaceOut)
def create_workplace(body: WorkplaceIn, session: Sessioned) -> Workplace:
    return _save(session, Workplace(**body.model_dump()))


@app.post("/lean/workplaces", status_code=201, response_model=WorkplaceOut)
def create_workplace_lean(body: WorkplaceIn) -> Workplace:
    row = Workplace(**body.model_dump())
    try:
        with Lean.begin() as session:
            session.add(row)
    except IntegrityError:
        raise HTTPException(409) from None
    return row


@app.post("/items", status_code=201)
def create_item(body: WorkplaceIn, session: Sessioned) -> str:
    return _save(session, Item(code=body.code, name=body.name)).code


@app.post("/operations", status_code=201, response_model=OperationOut)
def create_operation(body: OperationIn, session: Sessioned) -> Operation:
    return _save(session, Operation(**body.model_dump()))


@app.post("/operations/{order_no}/{operation_no}/start", response_model=OperationOut)
def start(order_no: str, operation_no: str, session: Sessioned) -> Operation:
    row = session.scalars(_locked(order_no, operation_no)).one()
    row.status, row.version, row.updated_at = "IN_PROGRESS", row.version + 1, _now()
    return _save(session, row)


@app.post("/operations/{order_no}/{operation_no}/report", response_model=OperationOut)
def report(order_no: str, operation_no: str, body: ReportIn, session: Sessioned) -> Operation:
    row = session.scalars(_locked(order_no, operation_no)).one_or_none()
    if row is None:
        raise HTTPException(404)
    if row.status != "IN_PROGRESS" or row.qty_processed + body.good + body.scrap > row.qty_desired:
        raise HTTPException(409)
    session.add(LedgerEntry(operation_id=row.id, **body.model_dump()))
    row.qty_good, row.qty_scrap = row.qty_good + body.good, row.qty_scrap + body.scrap
    row.qty_processed = row.qty_good + row.qty_scrap
    row.version, row.updated_at = row.version + 1, _now()
    return _save(session, row)


def _locked(order_no: str, operation_no: str) -> Select[Operation]:
    met = (Operation.order_no == order_no, Operation.operation_no == operation_no)
    return select(Operation).where(*met).with_for_update()


def _save(session: Session, row: B) -> B:
    session.add(row)
    try:
        session.commit()
    except IntegrityError:
        raise HTTPException(409) from None
    session.refresh(row)
    return row


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PEER_PORT"]), access_log=False, log_level="warning")
