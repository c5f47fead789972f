"""What the pass-through contributes to the gateway: its route is added by the application, its connections end here."""

import asyncio

from fastapi import FastAPI

from gateway.pass_through.upstream import Upstreams
from plantkit.slice import Slice


async def close_at_the_end(app: FastAPI) -> None:
    upstreams: Upstreams = app.state.upstreams
    try:
        await asyncio.Event().wait()
    finally:
        await upstreams.close()


SLICE = Slice(name="pass_through", loops=(close_at_the_end,))
