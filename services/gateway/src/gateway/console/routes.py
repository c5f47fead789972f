"""The page at `/` and the state of the plant's stack that it shows."""

from fastapi import Request
from fastapi.responses import HTMLResponse

from gateway.console.status import PlantStatus, Watch
from gateway.pages import page
from plantkit.http.route import Routes, public

router = Routes(tags=["system"])
root = Routes(tags=["system"])


@router.get("/status")
@public
async def status(request: Request) -> PlantStatus:
    """How each service is, as it says itself. No data of the plant."""
    return await _watch(request).status()


@root.get("/", response_class=HTMLResponse, include_in_schema=False)
@public
async def home(request: Request) -> HTMLResponse:
    """What runs, what happened last for those who sign in, where to go."""
    found = await _watch(request).status()
    return page("home.html", plant=found.plant, here="/", status=found, verdict=verdict(found))


def verdict(found: PlantStatus) -> str:
    """One sentence on the whole."""
    trouble = [service for service in found.services if service.status != "healthy"]
    if not trouble:
        return "Everything runs."
    word = trouble[0].status if len(trouble) == 1 else "in trouble"
    return f"{', '.join(service.name for service in trouble)}: {word}."


def _watch(request: Request) -> Watch:
    found: Watch = request.app.state.watch
    return found
