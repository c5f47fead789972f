"""The peers of the import, each by its manual's fast path: `python -m bench.imports_peers NAME`.

Each is a process of its own. All of them get the same file and a table with our columns, keys, checks, foreign keys
and indexes. They tell nobody. They import what they need, say "ready", wait for "go", and print the seconds until
their table is committed.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

from bench.imports_file import FIELDS, HEADERS

_FILE = os.environ.get("BENCH_FILE", "")
_URL = os.environ.get("BENCH_DATABASE_URL", "")
_SCHEMA = os.environ.get("BENCH_SCHEMA", "")
_KEY = ("order_no", "operation_no")


def _stored(now: datetime) -> dict[str, Any]:
    """What the table wants beside the twelve columns."""
    return {"id": uuid4(), "version": 1, "created_at": now, "updated_at": now, "qty_rework": 0, "entries": 0}


def pandas_orm() -> Callable[[], None]:
    """pandas reads with openpyxl, SQLAlchemy's ORM upserts in bulk (its "ORM bulk insert" with ON CONFLICT)."""
    import pandas as pd
    from sqlalchemy import Table, create_engine
    from sqlalchemy.dialects.postgresql import insert
    from sqlalchemy.orm import DeclarativeBase, Session

    engine = create_engine(_URL.replace("postgresql://", "postgresql+psycopg2://"))

    class Base(DeclarativeBase):
        pass

    class Operation(Base):
        __table__ = Table("operations", Base.metadata, schema=_SCHEMA, autoload_with=engine)

    def run() -> None:
        texts = dict.fromkeys(HEADERS[:4], str)
        frame = pd.read_excel(_FILE, engine="openpyxl", dtype=texts)
        frame.columns = list(FIELDS)
        for name in ("planned_start", "planned_end", "due"):
            frame[name] = pd.to_datetime(frame[name], utc=True)
        for name in ("qty_desired", "qty_processed", "qty_good", "qty_scrap"):
            frame[name] = pd.to_numeric(frame[name])
        if frame[list(_KEY)].isna().any().any() or frame.duplicated(subset=list(_KEY)).any():
            raise ValueError("keys are missing or come twice")
        now = datetime.now(UTC)
        rows = [row | _stored(now) for row in frame.to_dict("records")]
        statement = insert(Operation)
        taken = {name: statement.excluded[name] for name in (*FIELDS[2:], "updated_at")}
        with Session(engine) as session:
            session.execute(statement.on_conflict_do_update(index_elements=_KEY, set_=taken), rows)
            session.commit()

    return run


def django_bulk() -> Callable[[], None]:
    """django-import-export with `use_bulk` and no diff: it looks for each row by its key, as an upsert has to."""
    return _django(force_init_instance=False)


def django_insert() -> Callable[[], None]:
    """The same with `force_init_instance`, for files of which nothing is there yet: it only inserts."""
    return _django(force_init_instance=True)


def _django(*, force_init_instance: bool) -> Callable[[], None]:
    import django
    from django.conf import settings
    from tablib import Dataset

    target = _django_database()
    settings.configure(INSTALLED_APPS=["import_export"], DATABASES={"default": target}, USE_TZ=True)
    django.setup()
    resource = _django_resource(force_init_instance)

    def run() -> None:
        data = Dataset().load(Path(_FILE).read_bytes(), format="xlsx", headers=True)
        data.headers = list(FIELDS)
        result = resource().import_data(data, raise_errors=True, use_transactions=True)
        if result.has_errors():
            raise ValueError(result.row_errors()[:1])

    return run


def _django_database() -> dict[str, Any]:
    from sqlalchemy.engine import make_url

    url = make_url(_URL)
    place = {"HOST": url.host, "PORT": url.port, "USER": url.username, "PASSWORD": url.password, "NAME": url.database}
    return {"ENGINE": "django.db.backends.postgresql", **place, "OPTIONS": {"options": f"-c search_path={_SCHEMA}"}}


def _django_resource(only_new: bool) -> Any:
    from django.db import models
    from import_export import fields, resources, widgets

    class Operation(models.Model):
        id = models.UUIDField(primary_key=True, default=uuid4)
        version = models.BigIntegerField(default=1)
        created_at = models.DateTimeField(auto_now_add=True)
        updated_at = models.DateTimeField(auto_now=True)
        order_no = models.CharField(max_length=40)
        operation_no = models.CharField(max_length=40)
        workplace = models.CharField(max_length=40)
        item = models.CharField(max_length=40)
        planned_start = models.DateTimeField(null=True)
        planned_end = models.DateTimeField(null=True)
        due = models.DateTimeField(null=True)
        qty_desired = models.DecimalField(max_digits=18, decimal_places=6)
        status = models.CharField(max_length=20)
        qty_processed = models.DecimalField(max_digits=18, decimal_places=6)
        qty_good = models.DecimalField(max_digits=18, decimal_places=6)
        qty_scrap = models.DecimalField(max_digits=18, decimal_places=6)
        qty_rework = models.DecimalField(max_digits=18, decimal_places=6, default=0)
        entries = models.BigIntegerField(default=0)

        class Meta:
            app_label = "bench"
            db_table = "operations"

    class OperationResource(resources.ModelResource):
        operation_no = fields.Field("operation_no", "operation_no", widget=widgets.CharWidget())

        class Meta:
            model = Operation
            fields = FIELDS
            import_id_fields = _KEY
            use_bulk = True
            batch_size = 1000
            skip_diff = True
            force_init_instance = only_new

    return OperationResource


def calamine_copy() -> Callable[[], None]:
    """The limit: our reader and one COPY. It checks nothing but what the table refuses, and only inserts."""
    import asyncio

    import asyncpg
    from python_calamine import CalamineWorkbook

    names = [*FIELDS, "id", "version", "created_at", "updated_at", "qty_rework", "entries"]

    def rows() -> Iterator[tuple[Any, ...]]:
        now = datetime.now(UTC)
        sheet = CalamineWorkbook.from_path(_FILE).get_sheet_by_index(0)
        for cells in islice(sheet.iter_rows(), 1, None):
            moments = [_moment(cell) for cell in cells[4:7]]
            yield (*cells[:4], *moments, *cells[7:], uuid4(), 1, now, now, 0, 0)

    async def copy() -> None:
        connection = await asyncpg.connect(_URL)
        await connection.copy_records_to_table("operations", schema_name=_SCHEMA, columns=names, records=rows())
        await connection.close()

    return lambda: asyncio.run(copy())


def _moment(cell: Any) -> datetime:
    """At midnight calamine makes it a date."""
    return datetime(cell.year, cell.month, cell.day, getattr(cell, "hour", 0), getattr(cell, "minute", 0), tzinfo=UTC)


PEERS = {"pandas": pandas_orm, "django": django_bulk, "insert": django_insert, "copy": calamine_copy}


def main() -> None:
    run = PEERS[sys.argv[1]]()
    print("ready", flush=True)
    sys.stdin.readline()
    started = time.perf_counter()
    run()
    print(json.dumps({"seconds": time.perf_counter() - started}), flush=True)
    sys.stdin.readline()  # its memory is read before it ends


if __name__ == "__main__":
    main()
