"""Serve one service until SIGTERM: no new work, requests in flight finish, consumers leave their group."""

import gc
from collections.abc import Callable, Sequence
from types import FrameType

import uvicorn

from plantkit.http.patience import PatientProtocol
from plantkit.observability import logs
from plantkit.service import Service
from plantkit.settings import ServiceSettings

_GRACE_S = 25


def serve(service: Service, settings: ServiceSettings) -> None:
    """Block until stopped. Safe to call in a process that was forked before any loop or thread was started."""
    logs.start(settings.log_level)
    app = service.app(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_S,
        timeout_keep_alive=15,
        http=PatientProtocol,
        lifespan="on",
    )
    _settle()
    _Server(config, app.state.at_sigterm).run()


def _settle() -> None:
    """What was made at start stays: the collector need not walk through it again in the middle of a request."""
    gc.collect()
    gc.freeze()


class _Server(uvicorn.Server):
    """Tells those who hold requests open without end, such as the live stream, that the end has come."""

    def __init__(self, config: uvicorn.Config, at_sigterm: Sequence[Callable[[], None]]) -> None:
        super().__init__(config)
        self._at_sigterm = at_sigterm

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        for tell in self._at_sigterm:
            tell()
        super().handle_exit(sig, frame)
