"""Which ports a stack listens on: asked for, remembered, or free."""

import os
import re
from collections.abc import Collection

from plantkit.db.provision import SERVICES
from takt.embedded.kafka import Door
from takt.embedded.ports import is_free, own_port
from takt.errors import StackError
from takt.stack.folder import Remembered
from takt.stack.plan import LOOPS, WORKERS, Options

DEFAULT_PORT = 8080
_DOOR = re.compile(r"([A-Z]+)=(\d+):(\d+)")


def choose_ports(choices: Remembered, options: Options) -> None:
    """Raises StackError when a port is taken that was asked for, or that cannot change any more."""
    ports, told = choices.ports, {door.port for door in doors(choices)}
    ports["gateway"] = choose_port(options.port, ports.get("gateway"), told)
    names = ["postgres", *(service for service in SERVICES if service != "gateway")]
    names += [f"{service}-worker" for service in WORKERS]
    if options.split:
        names += [f"{service}-{loop}" for service in SERVICES for loop in LOOPS if loop != "api"]
    for name in names:
        ports[name] = keep_port(ports.get(name), others={*ports.values(), *told})
    for node in range(choices.brokers):
        for name in (f"kafka-{node}", f"controller-{node}"):
            _refuse_taken_voter(choices, ports.get(name))
            ports[name] = keep_port(ports.get(name), others={*ports.values(), *told})


def _refuse_taken_voter(choices: Remembered, remembered: int | None) -> None:
    """Brokers of a cluster know each other by their ports; a single one has nobody to find."""
    if choices.brokers > 1 and remembered is not None and not is_free(remembered):
        raise StackError(f"Port {remembered} of the broker cluster is taken by another program: stop it and try again.")


def kafka_ports(choices: Remembered) -> list[tuple[int, int]]:
    return [(choices.ports[f"kafka-{node}"], choices.ports[f"controller-{node}"]) for node in range(choices.brokers)]


def doors(choices: Remembered) -> list[Door]:
    """Further listeners of the broker: NAME=port:told_port, with commas between. Only a test stack has any."""
    text = os.environ.get("TAKT_KAFKA_DOORS", "") if choices.test else ""
    parts = [part for part in text.split(",") if part]
    found = [match for part in parts if (match := _DOOR.fullmatch(part))]
    if len(found) < len(parts):
        raise StackError(f"TAKT_KAFKA_DOORS is not NAME=port:told_port,...: {text}")
    return [Door(name, int(port), int(told)) for name, port, told in (match.groups() for match in found)]


def choose_port(wanted: int | None, remembered: int | None, others: Collection[int] = ()) -> int:
    """The wanted port or a refusal; else the remembered one, the default, or any that is free."""
    if wanted is not None:
        if not is_free(wanted):
            raise StackError(f"Port {wanted} is taken by another program: stop it, or choose another with --port.")
        return wanted
    return next(port for port in (remembered, DEFAULT_PORT, own_port(others)) if port is not None and is_free(port))


def keep_port(remembered: int | None, others: Collection[int] = ()) -> int:
    return remembered if remembered is not None and is_free(remembered) else own_port(others)
