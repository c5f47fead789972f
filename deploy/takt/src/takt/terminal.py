"""Where commands print: lines and colours on a terminal, plain columns elsewhere."""

import sys

from rich.console import Console

_PLAIN_WIDTH = 200


def console(*, errors: bool = False) -> Console:
    """Standard output, or standard error."""
    stream = sys.stderr if errors else sys.stdout
    return Console(file=stream) if stream.isatty() else Console(file=stream, width=_PLAIN_WIDTH, no_color=True)


def plain(word: str) -> str:
    """Content may hold what a terminal would obey and what a table would take for markup."""
    printable = "".join(sign if sign.isprintable() else " " for sign in word)
    return printable.replace("[", "\\[")
