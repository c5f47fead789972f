"""The `takt` command. Before anything else is imported, the installed set of packages is held against the lock."""

import sys

from takt.locks import LockRefused, guard
from takt.workspace import WorkError, find_root


def main() -> None:
    root = find_root()
    if root is not None and sys.argv[1:2] != ["lock"]:
        try:
            guard(root)
        except LockRefused as refused:
            sys.stderr.write(f"takt: {refused}\n")
            raise SystemExit(3) from None
    from takt.cli import app
    from takt.errors import StackError

    try:
        app()
    except (WorkError, StackError) as error:
        sys.stderr.write(f"takt: {error}\n")
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
