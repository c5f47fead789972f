"""Pages and their files: everything from here, nothing inline, nothing from elsewhere."""

from pathlib import Path
from typing import Any

import fastapi_offline
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

HOME = Path(__file__).parent
SWAGGER_FILES = Path(fastapi_offline.__file__).parent / "static"
ASSETS = "/assets"

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": _POLICY,
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_TEMPLATES = Environment(loader=FileSystemLoader(HOME / "templates"), autoescape=True, undefined=StrictUndefined)


class Assets(StaticFiles):
    """Files that a browser may keep for an hour and asks about by ETag after that."""

    def file_response(self, *args: Any, **options: Any) -> Response:
        answer = super().file_response(*args, **options)
        answer.headers["cache-control"] = "public, max-age=3600"
        return answer


def page(template: str, **values: Any) -> HTMLResponse:
    """A page of ours under the strictest policy that it needs."""
    return HTMLResponse(_TEMPLATES.get_template(template).render(**values), headers=HEADERS)


def install(app: FastAPI) -> None:
    """Serve the pages' files."""
    app.mount(f"{ASSETS}/swagger", Assets(directory=SWAGGER_FILES))
    app.mount(ASSETS, Assets(directory=HOME / "assets"))
