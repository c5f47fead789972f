"""What identity does by itself: the first administrator, and sweeping up what is over."""

import asyncio

import structlog
from fastapi import FastAPI

from gateway.identity.attempts import sweep_attempts
from gateway.identity.commands import CreateUser, create_first_user
from gateway.identity.parts import Identity, identity_of
from gateway.identity.rules import account_name
from gateway.identity.tokens import sweep_tokens
from plantkit.auth.principal import SYSTEM
from plantkit.context import Context
from plantkit.db.tx import Origin
from plantkit.errors import DomainError, Unavailable
from plantkit.ids import new_id
from plantkit.run import Runner
from takt_contracts.roles import Role

EVERY_S = 600.0
log = structlog.get_logger(__name__)


async def first_administrator(app: FastAPI) -> None:
    """Create the administrator named by the settings where nobody exists yet; waits for the database."""
    parts = identity_of(app)
    settings = parts.settings
    if settings.admin_username is None or settings.admin_password is None:
        return
    hashed = await parts.passwords.hash(settings.admin_password.get_secret_value())
    name = account_name(settings.admin_username)
    command = CreateUser(username=name, name="Administrator", password_hash=hashed, roles=[Role.ADMIN])
    while True:
        try:
            made = await _runner(app)(create_first_user, command)
        except Unavailable:
            await asyncio.sleep(0.5)
        else:
            log.info("identity.first_administrator", username=name, created=made is not None)
            return


async def sweep(app: FastAPI) -> None:
    """Forget old attempts and tokens every ten minutes, and let the hashing threads go at the end."""
    parts: Identity = identity_of(app)
    try:
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await _runner(app)(sweep_attempts, None)
                await _runner(app)(sweep_tokens, None)
            except DomainError as later:
                log.warning("identity.sweep_later", code=later.code)
    finally:
        parts.passwords.close()


def _runner(app: FastAPI) -> Runner:
    context: Context = app.state.context
    return Runner(context, SYSTEM, Origin(request_id=str(new_id())), now=context.clock)
