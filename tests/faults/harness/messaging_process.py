"""A process with one service's messaging, put together by hand.

The parts come in through constructors: `relay` and `consumers` name strategies as `module:NAME`; without them they are
the product's. `page` shortens the relay's pages, `retry_blocked_s` its patience with what cannot be published, `batch`
the consumer's batches, `patience` the watchdog's; `reader` makes it a group of its own. Metrics are served at
`metrics_port`, where one is given.
"""

import asyncio
import importlib
import json
import signal
from typing import Any

from prometheus_client import start_http_server

from operations.settings import Settings
from plantkit.context import Context
from plantkit.messaging.relay import Pace
from plantkit.messaging.watchdog import Patience
from plantkit.messaging.wiring import Messaging
from plantkit.observability import logs
from plantkit.service import Service
from plantkit.slice import Slice
from tests.faults.harness.ledger import FIRST, appends


def named(place: str | None) -> Any:
    """The object at `module:NAME`; None stays None."""
    if place is None:
        return None
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


async def main(parts: dict[str, Any]) -> None:
    settings = Settings.load()
    context: Context = Service(name="operations", settings=Settings, slices=()).app(settings).state.context
    messaging = Messaging(
        context,
        [Slice(name="faults", consumers=(appends(parts["run"], parts.get("batch", 8), parts.get("reader", FIRST)),))],
        relay=named(parts.get("relay")),
        consumers=named(parts.get("consumers")),
        patience=Patience(**parts.get("patience", {})),
        pace=Pace(
            page=parts.get("page", 200),
            retry_blocked_s=parts.get("retry_blocked_s", 60.0),
            longest_pause_s=0.1,
        ),
    )
    if "metrics_port" in parts:
        start_http_server(parts["metrics_port"], "127.0.0.1")
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    await messaging.start(settings.loops)
    await over.wait()
    await messaging.stop()
    await context.db.dispose()


def run(parts: str) -> None:
    """Until SIGTERM."""
    logs.start("INFO")
    asyncio.run(main(json.loads(parts)))
