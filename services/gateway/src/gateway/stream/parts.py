"""What the stream keeps while the service runs."""

from dataclasses import dataclass

from fastapi import FastAPI

from gateway.settings import Settings
from gateway.stream.follow import Follower
from gateway.stream.hub import Hub
from gateway.stream.log import Log
from gateway.stream.positions import Positions
from takt_contracts import catalog


@dataclass(kw_only=True)
class Streams:
    """Made once at start, found by `streams_of`. `open` counts the clients of this process."""

    hub: Hub
    follower: Follower
    most: int
    open: int = 0


def streams(settings: Settings) -> Streams:
    topics = {name: topic.partitions for name, topic in catalog.topics().items()}
    source = Log(settings.kafka_bootstrap, topics)
    positions = Positions(settings.cursor_secret.get_secret_value())
    hub = Hub(source, positions)
    return Streams(hub=hub, follower=Follower(hub, source, positions), most=settings.streams)


def streams_of(app: FastAPI) -> Streams:
    found: Streams = app.state.streams
    return found
