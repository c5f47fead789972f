"""Make the topics of the contracts on a cluster: `python -m plantkit.topics HOST:PORT [REPLICATION]`."""

import asyncio
import sys
from collections.abc import Sequence

from plantkit.messaging.provision import ensure_topics


def copies_of(arguments: Sequence[str]) -> int | None:
    """The replication that a command line ends with, 1 where it says nothing; None when it is no number."""
    match arguments:
        case []:
            return 1
        case [replication] if replication.isdecimal() and int(replication):
            return int(replication)
    return None


def main(arguments: list[str]) -> None:
    copies = copies_of(arguments[1:])
    if not arguments or copies is None:
        sys.exit("Usage: python -m plantkit.topics HOST:PORT [REPLICATION]")
    made = ensure_topics(arguments[0], replication=copies, min_insync=max(1, copies - 1))
    for name in asyncio.run(made):
        print(name)


if __name__ == "__main__":
    main(sys.argv[1:])
