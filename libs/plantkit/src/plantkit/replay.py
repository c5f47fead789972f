"""Tell the archives of all services again to a broker that has lost its log: `python -m plantkit.replay [REPLICATION]`.

Runs in a process of its own, as each service's own role, by the settings of all of them; beside the services or without
them.
"""

import asyncio
import importlib
import logging
import sys
from collections.abc import Sequence

from aiokafka.errors import KafkaError

from plantkit.db.engine import FAILED
from plantkit.db.provision import SERVICES
from plantkit.messaging.provision import WrongTopic
from plantkit.messaging.replay import Archive, ReplayRefused, replay
from plantkit.settings import ServiceSettings
from plantkit.topics import copies_of

_TROUBLE = (*FAILED, KafkaError, WrongTopic)


def lines(archive: Archive) -> list[str]:
    """For people."""
    told = [f"{archive.service}: {archive.told} of {archive.events} events told"]
    for (kind, aggregate), reason in sorted(archive.untold.items()):
        told.append(f"  {kind} {aggregate} stops where an event cannot be told: {reason}")
    return told


def main(arguments: Sequence[str]) -> int:
    """Exit code: 1 when it was refused, cut off, or could not tell everything; 2 when it was called wrongly."""
    copies = copies_of(arguments)
    if copies is None:
        return _said("Usage: python -m plantkit.replay [REPLICATION]", 2)
    logging.disable()  # what the client libraries complain of on their way is not for the reader
    try:
        done = asyncio.run(replay([settings_of(service) for service in SERVICES], _progress, copies=copies))
    except ReplayRefused as refused:
        return _said(f"Nothing was changed. {refused}", 1)
    except _TROUBLE as trouble:
        return _said(f"The replay stopped: {type(trouble).__name__}: {trouble}. Run it again; it begins anew.", 1)
    print("\n".join(line for archive in done for line in lines(archive)))
    return 1 if any(archive.untold for archive in done) else 0


def settings_of(service: str) -> ServiceSettings:
    settings: ServiceSettings = importlib.import_module(f"{service}.app").SERVICE.settings.load()
    return settings


def _progress(sentence: str) -> None:
    print(sentence, flush=True)


def _said(sentence: str, code: int) -> int:
    sys.stderr.write(f"{sentence}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
