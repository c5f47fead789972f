"""Loopback ports for programs that are started here: free, and handed out once."""

import itertools
import secrets
import socket
from collections.abc import Collection

from takt.errors import StackError

_RANGE = range(20_000, 32_000)  # below the range from which the system takes ports for outgoing connections
_FIRST = secrets.choice(_RANGE)  # who chooses beside us begins elsewhere, so that both rarely meet on their way
_in_turn = itertools.cycle(itertools.chain(range(_FIRST, _RANGE.stop), range(_RANGE.start, _FIRST)))


def own_port(others: Collection[int] = ()) -> int:
    """A free port, none of `others`, that no outgoing connection gets while its owner restarts.

    What one call returned no other call of this process does: between choosing a port and listening on it lie seconds.
    """
    for _ in _RANGE:
        port = next(_in_turn)
        if port not in others and is_free(port):
            return port
    raise StackError(f"No free port was found from {_RANGE.start} to {_RANGE.stop - 1}: stop other programs.")


def is_free(port: int) -> bool:
    """Whether a program could listen on it now. Raises StackError where that needs more rights."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            raise StackError(f"Port {port} needs more rights than this user has: choose one above 1023.") from None
        except OSError:
            return False
    return True
