"""`takt lock`: what uv resolves, written down twice without an address.

`requirements.lock` holds names, versions, markers and sha256; the same versions stand in the root pyproject as
constraints, so that a machine without `uv.lock` resolves to the very same set.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from takt.locks import LOCK, UV_LOCK, Platform, differences, locked, resolved
from takt.workspace import WorkError, root

BEGIN, END = "# pins: written by `takt lock`", "# end of pins"
_EXPORT = (
    "export", "--frozen", "--quiet", "--all-groups", "--all-packages", "--no-emit-workspace",
    "--no-header", "--no-annotate", "--format", "requirements-txt",
)  # fmt: skip
_HEADER = f"# Written by `takt lock`: what `{UV_LOCK}` resolves to, without the addresses.\n"
_REQUIREMENT = re.compile(r"^([A-Za-z0-9][^\\\n]*?)\s*(?:\\)?$", re.MULTILINE)


class CannotLock(WorkError):
    """uv could not resolve the workspace."""


def write(*, upgrade: bool) -> None:
    """Resolve, then write both files; on failure pyproject.toml is as it was. Versions move only with `upgrade`."""
    project = root() / "pyproject.toml"
    before = project.read_text()
    if not (root() / UV_LOCK).is_file():
        _uv("lock", "--quiet")
    try:
        project.write_text(with_pins(before, []))
        _uv("lock", "--quiet", *(["--upgrade"] if upgrade else []))
        exported = _uv(*_EXPORT)
    except CannotLock:
        project.write_text(before)
        raise
    (root() / LOCK).write_text(_HEADER + exported)
    project.write_text(with_pins(before, list(pins(exported))))
    _uv("lock", "--quiet")


def pins(exported: str) -> Iterator[str]:
    """`name==version ; marker` of every package in an exported list."""
    for found in _REQUIREMENT.finditer(exported):
        yield found[1]


def with_pins(project: str, lines: list[str]) -> str:
    """The root pyproject with these pins between its two marks."""
    head, _, rest = project.partition(BEGIN)
    _, _, tail = rest.partition(END)
    body = "".join(f'    "{line}",\n' for line in lines)
    return f"{head}{BEGIN}\nconstraint-dependencies = [\n{body}]\n{END}{tail}"


def differing(folder: Path) -> Iterator[str]:
    """What the two committed files and the local resolution say differently."""
    text, project = (folder / LOCK).read_text(), (folder / "pyproject.toml").read_text()
    if with_pins(project, list(pins(text))) != project:
        yield f"{LOCK} and the pins in pyproject.toml differ: run `takt lock`"
    if (folder / UV_LOCK).is_file():
        yield from differences(locked(text), resolved((folder / UV_LOCK).read_text()), Platform.here())


def _uv(*argv: str) -> str:
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        raise CannotLock("`takt lock` needs uv on PATH: pip install uv")
    done = subprocess.run([uv, *argv], cwd=root(), check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise CannotLock(f"uv {argv[0]} failed:\n{done.stderr.strip()}")
    return done.stdout
