"""`takt rebuild`: read models made again from the log, by a process of its own with the settings of the service."""

import json
import os
import subprocess
import sys
from pathlib import Path

from plantkit.db.provision import SERVICES
from takt.stack import status
from takt.stack.folder import DataFolder
from takt.stack.plan import Plan


def run(data: Path, service: str, model: str | None) -> int:
    """Its exit code. Raises StackError when no stack runs on the folder."""
    environment = {**settings_of(data, service), **archives_of(data)} if service in SERVICES else {}
    argv = [sys.executable, "-m", "plantkit.rebuild", service, *([] if model is None else [model])]
    return subprocess.run(argv, env={**os.environ, **environment}, check=False).returncode


def settings_of(data: Path, service: str) -> dict[str, str]:
    """What the stack gives to the process of this service."""
    kafka = str(status.read(data)["kafka"])
    folder = DataFolder(data)
    plan = Plan(folder, folder.remembered(None, None), kafka, split=False)
    [order] = [one for one in plan.services() if one.name == service]
    return dict(order.environment)


def archives_of(data: Path) -> dict[str, str]:
    """Where the owners answer, and who asks them: the first administrator."""
    found = status.read(data)
    who = json.loads(Path(str(found["credentials"])).read_text())
    urls = {f"TAKT_{service.upper()}_URL": str(found[service]) for service in SERVICES}
    return {**urls, "TAKT_USERNAME": who["username"], "TAKT_PASSWORD": who["password"]}
