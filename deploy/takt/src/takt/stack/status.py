"""The stable interface for scripts: what `takt status --json` prints."""

import json
from pathlib import Path
from typing import Any

from plantkit.db.provision import SERVICES
from takt.errors import StackError
from takt.stack.folder import DataFolder, replace
from takt.stack.plan import Plan


def document(plan: Plan, pids: dict[str, int]) -> dict[str, Any]:
    return {
        **{service: plan.url(service) for service in ("gateway", *SERVICES[:-1])},
        "kafka": plan.bootstrap,
        "postgres": f"postgresql://127.0.0.1:{plan.choices.ports['postgres']}/takt",
        "pids": pids,
        "data": str(plan.folder.path),
        "credentials": str(plan.folder.credentials),
        "secrets": str(plan.folder.secrets),
        "logs": str(plan.folder.logs),
        "plant": plan.choices.plant,
        "test": plan.choices.test,
    }


def write(folder: DataFolder, status: dict[str, Any]) -> None:
    replace(folder.run / "status.json", json.dumps(status, indent=2))


def forget(folder: DataFolder) -> None:
    (folder.run / "status.json").unlink(missing_ok=True)


def read(data: Path) -> dict[str, Any]:
    """Raises StackError when no stack runs on the folder."""
    folder = DataFolder(data)
    path = folder.run / "status.json"
    try:
        if folder.is_locked and path.exists():
            found: dict[str, Any] = json.loads(path.read_text())
            return found
    except PermissionError:
        raise StackError(f"No permission to read {folder.path}: it belongs to another user.") from None
    starting = " It is starting or stopping." if folder.is_locked else ""
    raise StackError(f"No stack runs on {folder.path}.{starting}")
