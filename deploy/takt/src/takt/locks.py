"""Holds what uv resolved here against what we locked. Standard library only, and fast: every `takt` begins with it.

`uv.lock` names registry addresses, so it stays on the machine that made it. What is committed is `requirements.lock`:
names, versions and sha256 of every file, no address. The two must tell the same story:

- the same packages in the same versions;
- no file that this machine could install with a digest that we have not locked.

A registry that adds a wheel for a platform or Python that is not ours changes nothing for us and is let through; a file
that could be installed here and was not there when we locked is refused, whether it was swapped or added.
"""

import platform
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

LOCK = "requirements.lock"
UV_LOCK = "uv.lock"

_PACKAGE = re.compile(r'^name = "([^"]+)"\nversion = "([^"]+)"\nsource = \{ (\w+)', re.MULTILINE)
_WHEEL = re.compile(r'/([^/"]+\.whl)", hash = "sha256:([0-9a-f]{64})"')
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)
_DIGEST = re.compile(r"--hash=sha256:([0-9a-f]{64})")

Version = tuple[str, str]  # (normalised name, version)


class LockRefused(Exception):
    """The packages resolved on this machine are not the ones that were locked."""


@dataclass(frozen=True)
class Platform:
    """What decides whether a wheel fits: CPython version, machine, C library."""

    python: tuple[int, int]
    machine: str
    libc: str  # "manylinux" or "musllinux"; another system has its own name, as "macosx"

    @staticmethod
    def here() -> "Platform":
        system = sysconfig.get_platform().split("-")[0]
        libc = "manylinux" if platform.libc_ver()[0] == "glibc" else "musllinux"
        return Platform(sys.version_info[:2], platform.machine().lower(), libc if system == "linux" else system)

    def takes(self, wheel: str) -> bool:
        """Whether this machine could install the wheel of that file name. In doubt: yes."""
        *_, pythons, abis, platforms = wheel.removesuffix(".whl").split("-")
        fits = any(self._runs(python, abi) for python in pythons.split(".") for abi in abis.split("."))
        return fits and any(self._loads(tag) for tag in platforms.split("."))

    def _runs(self, python: str, abi: str) -> bool:
        found = re.fullmatch(r"(py|cp)(\d)(\d*)", python)
        if found is None:
            return False  # another implementation of Python
        wanted = (int(found[2]), int(found[3] or 0))
        if abi == f"cp{self.python[0]}{self.python[1]}":
            return wanted == self.python
        return abi in {"none", "abi3"} and wanted[0] == self.python[0] and wanted <= self.python

    def _loads(self, tag: str) -> bool:
        if tag == "any":
            return True
        return tag.startswith((self.libc, "linux" if "linux" in self.libc else self.libc)) and (
            tag.endswith((f"_{self.machine}", "_universal2"))
        )


def normalise(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(text: str) -> dict[Version, frozenset[str]]:
    """What `requirements.lock` allows: every (name, version) with the digests of its files."""
    pins = list(_PIN.finditer(text))
    ends = [pin.start() for pin in pins[1:]] + [len(text)]
    return {
        (normalise(pin[1]), pin[2]): frozenset(_DIGEST.findall(text, pin.end(), end))
        for pin, end in zip(pins, ends, strict=True)
    }


def resolved(text: str) -> dict[Version, dict[str, str]]:
    """What `uv.lock` would install from a registry: every (name, version) with its wheels' digests by file name."""
    found: dict[Version, dict[str, str]] = {}
    for block in text.split("\n[[package]]\n")[1:]:
        head = _PACKAGE.match(block)
        if head is not None and head[3] == "registry":
            found[normalise(head[1]), head[2]] = dict(_WHEEL.findall(block))
    return found


def differences(
    allowed: Mapping[Version, frozenset[str]], present: Mapping[Version, Mapping[str, str]], here: Platform
) -> Iterator[str]:
    """One sentence per package that is not what was locked."""
    for name, version in sorted(present.keys() - allowed.keys()):
        wanted = sorted(v for n, v in allowed if n == name)
        yield f"{name} is {version} here, locked is {' or '.join(wanted) or 'nothing of that name'}"
    for name, version in sorted(allowed.keys() - present.keys()):
        if not any(n == name for n, _ in present):
            yield f"{name} {version} is locked, but was not resolved here"
    for package in sorted(present.keys() & allowed.keys()):
        for wheel, digest in present[package].items():
            if digest not in allowed[package] and here.takes(wheel):
                yield f"{wheel} has a sha256 that was never locked ({digest[:12]}...)"


def guard(root: Path) -> None:
    """Refuse to go on when the local `uv.lock` and the committed lock differ. Nothing to compare: nothing to refuse."""
    ours, theirs = root / LOCK, root / UV_LOCK
    if not (ours.is_file() and theirs.is_file()):
        return
    found = list(differences(locked(ours.read_text()), resolved(theirs.read_text()), Platform.here()))
    if found:
        raise LockRefused(refusal(found))


def refusal(found: Iterable[str]) -> str:
    lines = "\n".join(f"  - {line}" for line in found)
    return (
        f"the packages resolved here are not the ones in {LOCK}:\n{lines}\n"
        f"Delete {UV_LOCK} and try again; whoever changed a dependency on purpose runs `takt lock` and commits it."
    )


if __name__ == "__main__":  # a build of an image asks before it keeps what it installed
    guard(Path(sys.argv[1]))
