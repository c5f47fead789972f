"""Rebuild read models of a service from the log: `python -m plantkit.rebuild gateway [MODEL]`.

Runs in a process of its own, as the service's own role, by the service's settings; beside the service or without it.
"""

import asyncio
import importlib
import sys
from collections.abc import Sequence

import asyncpg
from aiokafka.errors import KafkaError

from plantkit.clock import utc_now
from plantkit.context import Context
from plantkit.db.engine import LOST_CONNECTION
from plantkit.db.provision import SERVICES
from plantkit.messaging.consumer import Consumer
from plantkit.messaging.rebuild import RebuildRefused, Rebuilt, rebuild
from plantkit.observability import logs
from plantkit.service import Service

_TROUBLE = (asyncpg.PostgresError, KafkaError, TimeoutError, *LOST_CONNECTION)


class NoSuchModel(Exception):
    """The text is one sentence that names those there are."""


def service_of(name: str) -> Service:
    """Raises NoSuchModel."""
    if name not in SERVICES:
        raise NoSuchModel(f"There is no service {name!r}: {', '.join(SERVICES)}.")
    found: Service = importlib.import_module(f"{name}.app").SERVICE
    return found


def models(service: Service, name: str | None = None) -> list[Consumer]:
    """The consumers that feed its read models, or the one of this name. Raises NoSuchModel."""
    consumers: list[Consumer] = [consumer for part in service.slices for consumer in part.consumers]
    found = {consumer.model.name: consumer for consumer in consumers if consumer.model is not None}
    if not found:
        raise NoSuchModel(f"The service {service.name} keeps no read models.")
    if name is not None and name not in found:
        raise NoSuchModel(f"The service {service.name} keeps no read model {name!r}: {', '.join(sorted(found))}.")
    return [found[name]] if name is not None else list(found.values())


async def run(context: Context, consumers: Sequence[Consumer]) -> None:
    """One after the other, so that each is told as soon as it is done."""
    try:
        for consumer in consumers:
            print("\n".join(lines(await rebuild(context, consumer))), flush=True)
    finally:
        await context.db.dispose()


def lines(done: Rebuilt) -> list[str]:
    """For people; the hashes for scripts too."""
    said = "the same" if done.before == done.after else "another"
    told = [
        f"{done.model}: {done.records} records in {done.seconds:.1f} s",
        f"  before  sha256:{done.before}",
        f"  after   sha256:{done.after}  ({said})",
    ]
    if done.unreadable:
        told.append(f"  {done.unreadable} records cannot be read and stay parked.")
    if done.stuck:
        told.append(f"  {done.stuck} lost places are set when its service starts next: restart it.")
    return told


def main(arguments: Sequence[str]) -> int:
    """Exit code: 1 when something stopped it and nothing has changed, 2 when there is no such model."""
    match arguments:
        case [service] | [service, _]:
            name = arguments[1] if len(arguments) > 1 else None
        case _:
            return _said(f"Usage: python -m plantkit.rebuild {'|'.join(SERVICES)} [MODEL]", 2)
    try:
        made = service_of(service)
        consumers = models(made, name)
    except NoSuchModel as unknown:
        return _said(str(unknown), 2)
    settings = made.settings.load()
    logs.start("ERROR")
    try:
        asyncio.run(run(made.context(settings, utc_now), consumers))
    except RebuildRefused as refused:
        return _said(f"Nothing was changed. {refused}", 1)
    except _TROUBLE as trouble:
        return _said(f"Nothing was changed: {type(trouble).__name__}: {trouble}", 1)
    return 0


def _said(sentence: str, code: int) -> int:
    sys.stderr.write(f"{sentence}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
