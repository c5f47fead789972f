"""`takt check`: everything that can be said about the code without running it, each with its own verdict.

Runs under the test group: `python -m takt.work.checks [--fix]`.
"""

import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from takt.work.tools import git, output
from takt.workspace import root

Check = Callable[[], list[str]]


def run(*, fix: bool) -> int:
    """Run all checks, two at a time, and say which objects. Exit code 1 when one does."""
    if fix:
        _fix()
    with ThreadPoolExecutor(2) as pool:
        failed = [name for name, passes in zip(CHECKS, pool.map(_passes, CHECKS), strict=True) if not passes]
    print(f"{len(CHECKS) - len(failed)} passed, {len(failed)} failed" + (f": {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


def _passes(name: str) -> bool:
    started = time.monotonic()
    objections = CHECKS[name]()
    verdict = f"{'FAIL' if objections else 'ok  '}  {name} ({time.monotonic() - started:.1f} s)"
    print("\n      ".join([verdict, *objections]), flush=True)
    return not objections


def _fix() -> None:
    for argv in (("-m", "ruff", "check", "--fix", "--quiet", "."), ("-m", "ruff", "format", "--quiet", ".")):
        output(*argv)
    output("-m", "takt_contracts.generate")
    write_pages()


def _tool(*argv: str) -> Check:
    def check() -> list[str]:
        done = output(*argv)
        return (done.stdout + done.stderr).strip().splitlines() if done.returncode else []

    return check


def tracked() -> list[str]:
    """Files that are, or would be, in the repository."""
    return git("ls-files", "--cached", "--others", "--exclude-standard").splitlines()


def house_rules() -> list[str]:
    from takt.work.lints import offences

    return list(offences(root(), tracked()))


def registries() -> list[str]:
    from takt.work.hosts import hosts_of, named_in

    lock = root() / "uv.lock"
    more = hosts_of(lock.read_text()) if lock.is_file() else frozenset()
    return list(named_in(root(), tracked(), more))


def locks() -> list[str]:
    from takt.work.locking import differing

    return list(differing(root()))


def described() -> list[str]:
    """Errors and settings say what they are, and the pages that are made of the classes are of today."""
    from takt.work import errors_page, settings_page

    return [*errors_page.incomplete(), *settings_page.incomplete(), *stale(_pages())]


def _pages() -> dict[str, str]:
    """Those in docs that are made of the classes, by path."""
    from takt.work import errors_page, settings_page, transitions_page

    return {one.PAGE: one.page() for one in (errors_page, settings_page, transitions_page)}


def schemas() -> list[str]:
    """Migrations build what the classes describe, and docs/database.md says what they build."""
    from takt.work import database_page
    from takt.work.schemas import drift, metadata_of, migrated

    with migrated() as databases:
        missing = [line for name, database in databases.items() for line in drift(database, metadata_of(name))]
        return missing + stale({database_page.PAGE: database_page.page(databases)})


def contracts() -> list[str]:
    """What is generated from the contracts is what would be generated now. Leaves the files as they were."""
    before = _snapshot()
    done = output("-m", "takt_contracts.generate")
    after = _snapshot()
    for path in after.keys() - before.keys():
        path.unlink()
    for path, content in before.items():
        path.write_bytes(content)
    changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    wrong = [f"{path.relative_to(root())} is not what would be generated now: run `takt contracts`" for path in changed]
    return wrong + (done.stderr.splitlines() if done.returncode else [])


def _snapshot() -> dict[Path, bytes]:
    folders = (root() / "libs" / "contracts" / "generated", root() / "deploy" / "kafka")
    return {path: path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}


def write_pages() -> list[Path]:
    """The pages in docs that are made of the product, written anew."""
    from takt.work import database_page
    from takt.work.schemas import migrated

    with migrated() as databases:
        return _write({**_pages(), database_page.PAGE: database_page.page(databases)})


def stale(pages: Mapping[str, str]) -> list[str]:
    found = []
    for name, text in pages.items():
        path = root() / name
        if not path.is_file() or path.read_text() != text:
            found.append(f"{name} is not what would be written now: run `takt check --fix`")
    return found


def _write(pages: Mapping[str, str]) -> list[Path]:
    written = []
    for name, text in pages.items():
        path = root() / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        written.append(path)
    return written


MEMBERS = ("libs", "services", "deploy", "tests", "bench", "conftest.py")
CHECKS: Mapping[str, Check] = {  # the slowest first: two run at a time
    "types": _tool("-m", "mypy", *MEMBERS),
    "schemas and docs/database.md": schemas,
    "fences": _tool("-m", "takt.work.fences"),
    "errors, settings and their pages": described,
    "generated contracts": contracts,
    "format": _tool("-m", "ruff", "format", "--check", "."),
    "lint": _tool("-m", "ruff", "check", "--output-format=concise", "."),
    "house rules": house_rules,
    "locks": locks,
    "registry names": registries,
}


if __name__ == "__main__":
    raise SystemExit(run(fix="--fix" in sys.argv[1:]))
