"""Serve one service until SIGTERM: no new work, requests in flight finish, consumers leave their group."""

import uvicorn

from plantkit.observability import logs
from plantkit.service import Service
from plantkit.settings import ServiceSettings

_GRACE_S = 25


def serve(service: Service, settings: ServiceSettings) -> None:
    """Block until stopped. Safe to call in a process that was forked before any loop or thread was started."""
    logs.start(settings.log_level)
    config = uvicorn.Config(
        service.app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_S,
        timeout_keep_alive=15,
        h11_max_incomplete_event_size=32_768,
        lifespan="on",
    )
    uvicorn.Server(config).run()
