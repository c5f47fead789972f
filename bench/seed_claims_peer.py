"""Orders with their lines and the items of these, listed by a plain FastAPI + SQLAlchemy service.

`PEER_SCHEMA` says whether the tables have indexes (`bare`, `indexed`), `PEER_POOL` how many connections it has;
`?eager=true` loads all lines of a page by one statement, and their items by another, instead of one by one.
"""

import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated

import uvicorn
from anyio import to_thread
from fastapi import Depends, FastAPI
from pydantic import BaseModel, ConfigDict
from sqlalchemy import create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, selectinload

THREADS = 64
_SCHEMA = os.environ["PEER_SCHEMA"]
engine = create_engine(
    os.environ["PEER_DATABASE_URL"],
    pool_size=int(os.environ["PEER_POOL"]),
    max_overflow=0,
    pool_timeout=60,
    connect_args={"options": f"-csearch_path={_SCHEMA}"},
)


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Line(Base):
    __tablename__ = "lines"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int]
    item_id: Mapped[int]
    quantity: Mapped[Decimal]
    item: Mapped[Item] = relationship(primaryjoin="foreign(Line.item_id) == Item.id")


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str]
    customer: Mapped[str]
    due: Mapped[datetime]
    lines: Mapped[list[Line]] = relationship(primaryjoin="foreign(Line.order_id) == Order.id")


class Read(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class ItemOut(Read):
    id: int
    name: str


class LineOut(Read):
    id: int
    quantity: Decimal
    item: ItemOut


class OrderOut(Read):
    id: int
    number: str
    customer: str
    due: datetime
    lines: list[LineOut]


def get_session() -> Iterator[Session]:
    with Session(engine) as session:
        yield session


app = FastAPI()


@app.get("/ready")
async def ready() -> str:
    to_thread.current_default_thread_limiter().total_tokens = THREADS
    return "ready"


@app.get("/orders", response_model=list[OrderOut])
def orders(
    session: Annotated[Session, Depends(get_session)], customer: str, eager: bool = False, limit: int = 20
) -> Sequence[Order]:
    query = select(Order).where(Order.customer == customer).order_by(Order.due, Order.id).limit(limit)
    if eager:
        query = query.options(selectinload(Order.lines).selectinload(Line.item))
    return session.scalars(query).all()


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PEER_PORT"]), access_log=False, log_level="warning")
