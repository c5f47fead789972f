"""Rebuild read models of a service from the log: `python -m plantkit.rebuild gateway [MODEL]`.

Where the log has lost something, the owners' archives have it. A consumer that feeds no read model is given from there
what it has missed: `python -m plantkit.rebuild operations imports`.

Runs in a process of its own, as the service's own role, by the service's settings; beside the service or without it.
TAKT_GATEWAY_URL, TAKT_<SERVICE>_URL of the owners, TAKT_USERNAME and TAKT_PASSWORD of an administrator say where the
archives are; without them only a whole log is rebuilt from.
"""

import asyncio
import importlib
import logging
import os
import sys
from collections.abc import Sequence

import httpx
from aiokafka.errors import KafkaError

from plantkit.clock import utc_now
from plantkit.context import Context
from plantkit.db.engine import FAILED
from plantkit.db.provision import SERVICES
from plantkit.messaging.archive import ArchiveRefused, Owners
from plantkit.messaging.catching_up import CaughtUp, catch_up
from plantkit.messaging.consumer import Consumer
from plantkit.messaging.rebuild import RebuildRefused, Rebuilt, rebuild
from plantkit.messaging.wiring import consumers_of
from plantkit.resources.importing import takes_rows
from plantkit.service import Service
from plantkit.settings import ServiceSettings

_TROUBLE = (*FAILED, ArchiveRefused, httpx.HTTPError, KafkaError)


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
        raise NoSuchModel(f"The service {service.name} keeps no read models{_instead(service)}.")
    if name is not None and name not in found:
        raise NoSuchModel(f"The service {service.name} keeps no read model {name!r}: {', '.join(sorted(found))}.")
    return [found[name]] if name is not None else list(found.values())


def purposes(service: Service) -> list[str]:
    """What its groups without a read model are called, after the service's name."""
    declared = [consumer for part in service.slices for consumer in part.consumers if consumer.model is None]
    rows = ["imports"] if takes_rows(service.name, service.slices) else []
    return sorted([consumer.group.partition(".")[2] for consumer in declared] + rows)


def _instead(service: Service) -> str:
    known = ", ".join(purposes(service))
    return f"; by name, a consumer gets what it has missed: {known}" if known else ""


async def run(context: Context, consumers: Sequence[Consumer], archives: Owners | None) -> None:
    """One after the other, so that each is told as soon as it is done. Raises what stopped one."""
    try:
        for consumer in consumers:
            print("\n".join(await _made_good(context, consumer, archives)), flush=True)
    finally:
        await context.db.dispose()


async def _made_good(context: Context, consumer: Consumer, archives: Owners | None) -> list[str]:
    if consumer.model is not None:
        return lines(await rebuild(context, consumer, archives))
    if archives is None:
        raise RebuildRefused(f"{consumer.group} is given what it missed from the owners' archives: say where they are.")
    return caught_up(await catch_up(context, consumer, archives))


def owners() -> Owners | None:
    """By the environment; None when it does not say where the archives are."""
    given = [os.environ.get(name) for name in ("TAKT_GATEWAY_URL", "TAKT_USERNAME", "TAKT_PASSWORD")]
    gateway, username, password = given
    if not (gateway and username and password):
        return None
    named = {service: os.environ.get(f"TAKT_{service.upper()}_URL") for service in SERVICES}
    return Owners(gateway, {service: url for service, url in named.items() if url}, username, password)


def caught_up(done: CaughtUp) -> list[str]:
    """For people."""
    told = [f"{done.group}: {done.events} events of the archives, {done.applied} of them were new to it"]
    if done.unreadable:
        told.append(f"  {done.unreadable} cannot be read.")
    if done.left_alone:
        told.append(
            f"  {done.left_alone} keys were left alone, because a record of theirs lies aside: redrive it first."
        )
    return told


def lines(done: Rebuilt) -> list[str]:
    """For people; the hashes for scripts too."""
    said = "the same" if done.before == done.after else "another"
    told = [
        f"{done.model}: {done.records} records in {done.seconds:.1f} s",
        f"  before  sha256:{done.before}",
        f"  after   sha256:{done.after}  ({said})",
    ]
    told += [f"  read from its owner too: {why}" for why in done.short.values()]
    if done.unreadable:
        told.append(f"  {done.unreadable} records cannot be read and stay parked.")
    if done.stuck:
        told.append(f"  {done.stuck} lost places are set by its consumers within seconds; they begin at the beginning.")
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
        chosen = None if name in purposes(made) else models(made, name)
    except NoSuchModel as unknown:
        return _said(str(unknown), 2)
    settings = made.settings.load()
    logging.disable()  # what the client libraries complain of on their way is not for the reader
    try:
        asyncio.run(
            run(made.context(settings, utc_now), chosen or [_named(made, settings, f"{service}.{name}")], owners())
        )
    except RebuildRefused as refused:
        return _said(f"Nothing was changed. {refused}", 1)
    except _TROUBLE as trouble:
        return _said(f"Nothing was changed: {type(trouble).__name__}: {trouble}", 1)
    return 0


def _named(service: Service, settings: ServiceSettings, group: str) -> Consumer:
    return next(consumer for consumer in consumers_of(settings, service.slices) if consumer.group == group)


def _said(sentence: str, code: int) -> int:
    sys.stderr.write(f"{sentence}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
