"""The product's relay in a process of its own: says "ready", waits for "go", relays until it is stopped."""

import os
import sys

import uvloop

from bench.filling import settings
from plantkit.messaging.relay import Relay
from plantkit.messaging.wake import Wake


async def relay() -> None:
    await Relay(settings(os.environ["BENCH_DATABASE_URL"], os.environ["BENCH_KAFKA"]), Wake()).run()


if __name__ == "__main__":
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    uvloop.run(relay())
