"""Migrate one service's schema as its owner role: `python -m plantkit.migrate operations [upgrade|downgrade] [REV]`."""

import importlib
import os
import sys
from pathlib import Path

from alembic import command
from alembic.config import Config

from plantkit.db.provision import SERVICES


def config(service: str, url: str) -> Config:
    """Alembic's configuration for a service: its migrations folder lies beside its `src`."""
    module = importlib.import_module(service)
    assert module.__file__ is not None
    home = Path(module.__file__).resolve().parents[2]
    made = Config()
    made.set_main_option("script_location", str(home / "migrations"))
    made.attributes.update(service=service, url=url)
    return made


def upgrade(service: str, url: str, revision: str = "head") -> None:
    command.upgrade(config(service, url), revision)


def downgrade(service: str, url: str, revision: str = "base") -> None:
    command.downgrade(config(service, url), revision)


def owner_url(service: str) -> str:
    """From `TAKT_<SERVICE>_OWNER_DATABASE_URL` or its `_FILE`."""
    name = f"TAKT_{service.upper()}_OWNER_DATABASE_URL"
    if path := os.environ.get(f"{name}_FILE"):
        return Path(path).read_text().strip()
    if url := os.environ.get(name):
        return url
    sys.exit(f"{name} is missing (set {name} or {name}_FILE).")


def main(arguments: list[str]) -> None:
    match arguments:
        case [service]:
            upgrade(service, owner_url(service))
        case [service, "upgrade", *rest]:
            upgrade(service, owner_url(service), *rest[:1])
        case [service, "downgrade", *rest]:
            downgrade(service, owner_url(service), *rest[:1])
        case _:
            sys.exit(f"Usage: python -m plantkit.migrate {'|'.join(SERVICES)} [upgrade|downgrade [REVISION]]")


if __name__ == "__main__":
    main(sys.argv[1:])
