"""Runs a tool of the test group: through uv where uv started us, so that README's one command needs nothing else."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

from takt.workspace import root


def python(*argv: str, group: str = "test", env: Mapping[str, str] | None = None) -> int:
    """Exit code of `python argv...` at the root of the checkout, with a dependency group at hand."""
    return subprocess.run(command(argv, group), cwd=root(), env={**os.environ, **(env or {})}, check=False).returncode


def output(*argv: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The same, with what it printed."""
    return subprocess.run(
        command(argv, "test"),
        cwd=root(),
        env={**os.environ, **(env or {})},
        check=False,
        capture_output=True,
        text=True,
    )


def command(argv: Sequence[str], group: str) -> list[str]:
    uv = os.environ.get("UV")  # uv sets it for what it runs
    if uv is None:
        return [sys.executable, *argv]
    return [uv, "run", "--quiet", "--group", "test", "--group", group, "python", *argv]


def git(*argv: str) -> str:
    return subprocess.run(["git", *argv], cwd=root(), check=True, capture_output=True, text=True).stdout
