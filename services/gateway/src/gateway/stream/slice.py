"""What the stream contributes to the gateway."""

from fastapi import FastAPI

from gateway.stream.parts import streams_of
from gateway.stream.routes import router
from plantkit.slice import Slice


async def read_the_log(app: FastAPI) -> None:
    """The one reader that all live clients share."""
    await streams_of(app).hub.run()


SLICE = Slice(name="stream", routers=(router,), loops=(read_the_log,))
