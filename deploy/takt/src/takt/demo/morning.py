"""The morning's workbook: imported through the front door as a planner does it, and watched until it has landed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from takt.door import API, sign_in
from takt.errors import StackError
from takt.importing import show
from takt.importing.follow import Follower
from takt.importing.send import Wishes, send
from takt.stack.folder import DataFolder
from takt.workspace import root

TEMPLATE = "operations"
_ALL_ROWS = 10_000


@dataclass(frozen=True)
class Imported:
    """An import that has ended, with every row that was rejected."""

    told: Mapping[str, Any]
    rejected: tuple[Mapping[str, Any], ...]

    @property
    def id(self) -> str:
        return str(self.told["id"])

    @property
    def totals(self) -> Mapping[str, int]:
        found: Mapping[str, int] = self.told["totals"]
        return found


def workbook() -> Path:
    """Raises StackError where the checkout lacks it."""
    found = root() / "examples" / "morning.xlsx"
    if not found.is_file():
        raise StackError(f"{found} is missing: the demo imports it.")
    return found


def imported(gateway: str, folder: DataFolder, file: Path, out: Console) -> Imported:
    """Raises StackError when it does not end as `done`."""
    with httpx.Client(base_url=gateway, timeout=60, trust_env=False) as client:
        planner = sign_in(client, "planner-01", folder.secret("planner-01"))
        follower = Follower(planner, send(planner, file, Wishes(TEMPLATE))["id"])
        show.watched(out, follower.progress())
        ended = follower.now()
        if ended["state"] != "done":
            raise StackError(f"{file.name} ended as {ended['state']}: {ended['reason']}")
        return Imported(ended, tuple(follower.rows("rejected", _ALL_ROWS)))


def card(gateway: str, folder: DataFolder, order_no: str) -> dict[str, Any]:
    """All that is known of an order, as a planner sees it."""
    with httpx.Client(base_url=gateway, timeout=60, trust_env=False) as client:
        planner = sign_in(client, "planner-01", folder.secret("planner-01"))
        return planner.get(f"{API}/orders/{order_no}/card")
