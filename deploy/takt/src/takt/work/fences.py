"""The import contracts of pyproject.toml: `python -m takt.work.fences [ID]` at the root of a checkout or a copy."""

import sys
from pathlib import Path

from importlinter.cli import lint_imports


def main(contracts: list[str]) -> int:
    """0 when every contract, or each one named, is kept. What breaks it is printed, line by line."""
    sys.path.insert(0, str(Path.cwd()))
    code: int = lint_imports(config_filename="pyproject.toml", limit_to_contracts=tuple(contracts), no_logo=True)
    return code


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
