"""Which ports a stack listens on: asked for, remembered, or free."""

import os
import random
import re
import socket
from collections.abc import Collection

from plantkit.db.provision import SERVICES
from takt.embedded.kafka import Door
from takt.errors import StackError
from takt.stack.folder import Remembered
from takt.stack.plan import LOOPS, WORKERS, Options

DEFAULT_PORT = 8080
_DOOR = re.compile(r"([A-Z]+)=(\d+):(\d+)")
_OWN_PORTS = range(20_000, 32_000)  # below the range from which the system takes ports for outgoing connections


def choose_ports(choices: Remembered, options: Options) -> None:
    """Raises StackError when a port is taken that was asked for, or that cannot change any more."""
    ports = choices.ports
    ports["gateway"] = choose_port(options.port, ports.get("gateway"))
    names = ["postgres", *(service for service in SERVICES if service != "gateway")]
    names += [f"{service}-worker" for service in WORKERS]
    if options.split:
        names += [f"{service}-{loop}" for service in SERVICES for loop in LOOPS if loop != "api"]
    for name in names:
        ports[name] = keep_port(ports.get(name), others=ports.values())
    for node in range(choices.brokers):
        for name in (f"kafka-{node}", f"controller-{node}"):
            _refuse_taken_voter(choices, ports.get(name))
            ports[name] = keep_port(ports.get(name), others=ports.values())


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


def choose_port(wanted: int | None, remembered: int | None) -> int:
    """The wanted port or a refusal; else the remembered one, the default, or any that is free."""
    if wanted is not None:
        if not is_free(wanted):
            raise StackError(f"Port {wanted} is taken by another program: stop it, or choose another with --port.")
        return wanted
    return next(port for port in (remembered, DEFAULT_PORT, own_port()) if port is not None and is_free(port))


def keep_port(remembered: int | None, others: Collection[int] = ()) -> int:
    return remembered if remembered is not None and is_free(remembered) else own_port(others)


def own_port(others: Collection[int] = ()) -> int:
    """A free port, none of `others`, that no outgoing connection gets while its owner restarts."""
    for port in random.sample(_OWN_PORTS, 200):
        if port not in others and is_free(port):
            return port
    raise StackError("No free port was found between 20000 and 32000: stop other programs.")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            raise StackError(f"Port {port} needs more rights than this user has: choose one above 1023.") from None
        except OSError:
            return False
    return True
