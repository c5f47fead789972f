"""What is asked before a body that is wrong is refused."""

from typing import Any

from fastapi import Request
from sqlalchemy import bindparam, literal, select

from plantkit.context import Context
from plantkit.db.engine import compile_statement
from plantkit.errors import NotFound
from plantkit.http.policy import Guard
from plantkit.resources.resource import Archivable
from takt_contracts.resource import ResourceContract


def exists(contract: ResourceContract[Any, Any], row: type[Archivable]) -> Guard:
    """Guard of a resource's verbs: one that is not there, or is archived, is told before a body that is wrong."""
    columns = row.__table__.c
    met = [columns[name] == bindparam(name, type_=columns[name].type) for name in contract.key]
    statement = compile_statement(select(literal(1)).where(*met, columns["archived_at"].is_(None)))

    async def guard(request: Request) -> None:
        context: Context = request.app.state.context
        key = {name: request.path_params[name] for name in contract.key}
        if not await context.db.fetch(statement, **key):
            raise NotFound(contract.name, "/".join(key.values()))

    return guard
