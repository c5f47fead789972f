"""`takt replay`: the archives told again to an empty broker, by a process of its own with the services' settings."""

import os
import subprocess
import sys
from pathlib import Path

from plantkit.db.provision import SERVICES
from takt.rebuild import settings_of
from takt.stack.folder import DataFolder


def run(data: Path) -> int:
    """Its exit code. Raises StackError when no stack runs on the folder."""
    environment = {name: value for service in SERVICES for name, value in settings_of(data, service).items()}
    copies = min(3, DataFolder(data).remembered(None, None).brokers)
    argv = [sys.executable, "-m", "plantkit.replay", str(copies)]
    return subprocess.run(argv, env={**os.environ, **environment}, check=False).returncode
