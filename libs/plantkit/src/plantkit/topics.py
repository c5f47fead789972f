"""Make the topics of the contracts on a cluster: `python -m plantkit.topics HOST:PORT [REPLICATION]`."""

import asyncio
import sys

from plantkit.messaging.provision import ensure_topics


def main(arguments: list[str]) -> None:
    match arguments:
        case [bootstrap]:
            copies = 1
        case [bootstrap, replication] if replication.isdecimal():
            copies = int(replication)
        case _:
            sys.exit("Usage: python -m plantkit.topics HOST:PORT [REPLICATION]")
    for name in asyncio.run(ensure_topics(bootstrap, replication=copies, min_insync=max(1, copies - 1))):
        print(name)


if __name__ == "__main__":
    main(sys.argv[1:])
