"""How the launcher tells what it does: to a terminal, or through a pipe to the command that detached it."""

import json
import sys
import time
from typing import IO, Any, Protocol

_EVERY_S = 1.0


class Report(Protocol):
    def say(self, sentence: str) -> None: ...

    def fetching(self, name: str, done: int, total: int) -> None: ...


class Console:
    """Plain lines; on a terminal the progress of a fetch stays on one line."""

    def __init__(self, out: IO[str] | None = None) -> None:
        self._out = out or sys.stderr
        self._on_terminal = self._out.isatty()
        self._told_at, self._open_line = 0.0, False

    def say(self, sentence: str) -> None:
        if self._open_line:
            self._out.write("\n")
            self._open_line = False
        self._out.write(f"{sentence}\n")
        self._out.flush()

    def fetching(self, name: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._told_at < (0.1 if self._on_terminal else _EVERY_S) and done < total:
            return
        self._told_at = now
        text = f"  {done / 1e6:5.1f} of {total / 1e6:.1f} MB ({100 * done // total} %)"
        if self._on_terminal:
            self._out.write(f"\r{text}  {name[:50]:50}")
            self._open_line = True
        else:
            self._out.write(f"{text}\n")
        self._out.flush()


class Pipe:
    """One JSON object a line; a reader that has gone away is no reason to stop."""

    def __init__(self, out: IO[str]) -> None:
        self._out: IO[str] | None = out
        self._console = Console(sys.stdout)

    def say(self, sentence: str) -> None:
        self._console.say(sentence)
        self.tell(say=sentence)

    def fetching(self, name: str, done: int, total: int) -> None:
        self.tell(fetching=[name, done, total])

    def tell(self, **facts: Any) -> None:
        try:
            if self._out is not None:
                self._out.write(json.dumps(facts) + "\n")
                self._out.flush()
        except OSError:
            self._out = None

    def close(self) -> None:
        if self._out is not None:
            self._out.close()
            self._out = None
