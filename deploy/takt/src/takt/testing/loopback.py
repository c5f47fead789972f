"""No way out: while tests run, this process reaches loopback and nothing else.

An audit hook sees every connection made by Python, asyncio's included, however it was started. It cannot be removed
again, so it asks a switch.
"""

import ipaddress
import sys


class OutsideReached(Exception):
    """A test tried to reach an address that is not on this machine."""


class _Gate:
    shut = False
    installed = False


def shut() -> None:
    """Refuse every address outside loopback from now on, in all threads of this process."""
    if not _Gate.installed:
        sys.addaudithook(_audit)
        _Gate.installed = True
    _Gate.shut = True


def is_local(address: object) -> bool:
    """Whether a socket address stays on this machine. Paths (Unix sockets) and descriptors do."""
    if not isinstance(address, tuple) or not address:
        return True
    host = str(address[0]).partition("%")[0]
    if host in {"", "localhost"}:
        return True
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return False
    return found.is_loopback or found.is_unspecified


def _audit(event: str, args: tuple[object, ...]) -> None:
    if _Gate.shut and event in {"socket.connect", "socket.sendto"} and not is_local(args[1]):
        raise OutsideReached(f"A test may reach this machine only, not {args[1]!r}.")
