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
    """One sentence on the whole; `home.js` says the same."""
    trouble = [service for service in found.services if service.status != "healthy"]
    names = [service.name for service in trouble]
    if not trouble:
        return "Everything runs."
    if len(trouble) == 1:
        return f"{names[0]} is {trouble[0].status}."
    return f"{', '.join(names[:-1])} and {names[-1]} are in trouble."


def _watch(request: Request) -> Watch:
    found: Watch = request.app.state.watch
    return found
