"""The peer: SQLAlchemy-Continuum as its manual has it. A session a change, a version a commit."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, configure_mappers, mapped_column, sessionmaker
from sqlalchemy_continuum import make_versioned

from bench.records_tasks import answer, content, tasks

WRITERS = int(os.environ["BENCH_WRITERS"])
PAGE = 100
make_versioned(user_cls=None)


class Base(DeclarativeBase):
    pass


class Inspection(Base):
    __versioned__: dict[str, Any] = {}  # noqa: RUF012 -- as the library wants it
    __tablename__ = "inspections"

    id: Mapped[int] = mapped_column(primary_key=True)
    inspection_no: Mapped[str] = mapped_column(sa.String(40))
    item: Mapped[str] = mapped_column(sa.String(40))
    characteristic: Mapped[str] = mapped_column(sa.String(200))
    measured: Mapped[float]
    low: Mapped[float]
    high: Mapped[float]
    unit: Mapped[str] = mapped_column(sa.String(20))
    result: Mapped[str] = mapped_column(sa.String(10))
    inspected_on: Mapped[str] = mapped_column(sa.String(10))
    inspector: Mapped[str] = mapped_column(sa.String(40))
    remarks: Mapped[str] = mapped_column(sa.String(2000))


configure_mappers()
url = sa.make_url(os.environ["BENCH_DATABASE_URL"]).set(drivername="postgresql+psycopg2")
engine = sa.create_engine(url, pool_size=WRITERS, max_overflow=0)
Session = sessionmaker(engine)


def prepare() -> None:
    """A record for each writer, and one for the long history: the last."""
    Base.metadata.create_all(engine)
    with Session() as session:
        session.add_all(Inspection(id=number, **content(0)) for number in range(WRITERS + 1))
        session.commit()


def revise(record: int, number: int) -> float:
    """Seconds that it took."""
    began = time.perf_counter()
    with Session() as session:
        found = session.get_one(Inspection, record)
        for name, value in content(number).items():
            setattr(found, name, value)
        session.commit()
    return time.perf_counter() - began


def revise_for(seconds: float) -> None:
    ends_at = time.perf_counter() + seconds

    def write(record: int) -> list[float]:
        times: list[float] = []
        while time.perf_counter() < ends_at:
            times.append(revise(record, next_number(record)))
        return times

    with ThreadPoolExecutor(WRITERS) as pool:
        times = [one for found in pool.map(write, range(WRITERS)) for one in found]
    answer(times, seconds, len(times))


numbers = [0] * (WRITERS + 1)


def next_number(record: int) -> int:
    numbers[record] += 1
    return numbers[record]


def deepen(versions: int) -> None:
    began = time.perf_counter()
    times = [revise(WRITERS, next_number(WRITERS)) for _ in range(versions - 1)]
    answer(times, time.perf_counter() - began, len(times))


def page(skip: int, pages: int) -> None:
    times, found = [], 0
    for _ in range(pages):
        began = time.perf_counter()
        found = len(read(skip))
        times.append(time.perf_counter() - began)
    answer(times, sum(times), found)


def read(skip: int) -> list[dict[str, Any]]:
    """Newest first, as JSON would have them."""
    with Session() as session:
        history: Any = session.get_one(Inspection, WRITERS).versions  # type: ignore[attr-defined]  # the library adds it
        of_record = history.order_by(None).order_by(sa.desc("transaction_id"))
        names = [*content(0), "transaction_id"]
        return [{name: getattr(one, name) for name in names} for one in of_record.offset(skip).limit(PAGE)]


def main() -> None:
    prepare()
    for task in tasks():
        match task["task"]:
            case "revise":
                revise_for(task["seconds"])
            case "deepen":
                deepen(task["versions"])
            case "page":
                page(task["skip"], task["pages"])


if __name__ == "__main__":
    main()
