"""A process of its own with one relay or one consumer, to be killed or stopped by a test.

`python -m libs.plantkit.tests.messaging.child relay|consumer DATABASE_URL BOOTSTRAP ENTITY`
"""

import asyncio
import secrets
import sys

from libs.plantkit.tests.messaging.conftest import context_of
from libs.plantkit.tests.messaging.support import keep_versions, ticked
from plantkit.messaging.consumer import consumes
from plantkit.messaging.relay import Pace
from plantkit.messaging.wiring import Messaging
from plantkit.settings import Loop
from plantkit.slice import Slice

PACE = Pace(page=100)


async def main(loop: str, url: str, bootstrap: str, entity: str) -> None:
    context = context_of(url, bootstrap, secrets.token_hex(32), relay_lease_s=2.0)
    consumer = consumes(ticked(entity), group=f"tests.{entity}", batch=50)(keep_versions)
    messaging = Messaging(context, [Slice(name="tests", consumers=(consumer,))], pace=PACE)
    await messaging.start({Loop.RELAY if loop == "relay" else Loop.CONSUMERS})
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
