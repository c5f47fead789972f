"""The peer: a list as the manuals write it. Sync FastAPI, SQLAlchemy ORM, psycopg2, OFFSET; the same table."""

import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import uvicorn
from fastapi import Depends, FastAPI
from pydantic import BaseModel, ConfigDict
from sqlalchemy import MetaData, Table, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Session

engine = create_engine(os.environ["PEER_DATABASE_URL"], pool_size=16, max_overflow=0)
_TABLE = Table("operations", MetaData(), schema="operations", autoload_with=engine)


class Base(DeclarativeBase):
    pass


class Operation(Base):
    __table__ = _TABLE


class OperationOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: UUID
    order_no: str
    operation_no: str
    workplace: str
    item: str
    planned_start: datetime | None
    planned_end: datetime | None
    due: datetime | None
    qty_desired: Decimal
    qty_processed: Decimal
    qty_good: Decimal
    qty_scrap: Decimal
    qty_rework: Decimal
    status: str
    version: int
    created_at: datetime
    updated_at: datetime


def get_session() -> Iterator[Session]:
    with Session(engine) as session:
        yield session


app = FastAPI()


@app.get("/ready")
def ready() -> str:
    return "ready"


@app.get("/operations", response_model=list[OperationOut])
def operations(
    session: Annotated[Session, Depends(get_session)], limit: int = 100, offset: int = 0, workplace: str | None = None
) -> Sequence[Any]:
    columns = _TABLE.c
    query = select(Operation).order_by(columns.order_no, columns.operation_no).limit(limit).offset(offset)
    if workplace is not None:
        query = query.where(columns.workplace == workplace)
    return session.scalars(query).all()


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PEER_PORT"]), access_log=False, log_level="warning")
