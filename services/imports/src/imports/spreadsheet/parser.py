"""The parent's side of the parser child: start it, give it orders, read its frames, see it die."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Final, Self

import orjson
from prometheus_client import Counter

from imports.spreadsheet.frames import LENGTH, LONGEST, Chunk
from imports.spreadsheet.limits import Code, Limits, Refused

KILLED = Counter("takt_parser_killed_total", "Parser children that ended before their file did", ["reason"])
_CHILD: Final = (sys.executable, "-I", "-m", "imports.spreadsheet.child")
_DEATHS: Final = {
    -signal.SIGABRT: (Code.MEMORY, "Reading the file needs more memory than it may have."),
    -signal.SIGXCPU: (Code.CPU, "Reading the file takes more computing time than it may have."),
}


class Parser:
    """One child for one file. Every method raises Refused, also when the child died."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self._path, self._limits = path, limits
        self._process: Process | None = None
        self._waited = 0.0

    async def __aenter__(self) -> Self:
        file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *_CHILD, str(file), orjson.dumps(asdict(self._limits)).decode(),
                stdin=PIPE, stdout=PIPE, pass_fds=(file,), env={}, cwd="/", start_new_session=True,
            )  # fmt: skip
        finally:
            os.close(file)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            transport: Any = self._process._transport  # type: ignore[attr-defined]  # asyncio closes it only at EOF
            transport.close()

    @property
    def pid(self) -> int:
        return self._running.pid

    @property
    def _running(self) -> Process:
        assert self._process is not None, "enter it first"
        return self._process

    async def sheets(self) -> list[tuple[str, bool]]:
        """Name of each sheet and whether it can be seen, once the whole file was looked at."""
        told = await self._next()
        return [(name, seen) for name, seen in told["sheets"]]

    async def chunks(self, sheet: int, most: int | None = None) -> AsyncIterator[Chunk]:
        """Rows of a sheet from the first one on. Read it to the end before the next order."""
        stdin = self._running.stdin
        assert stdin is not None
        with suppress(ConnectionError):  # a dead child is seen by the reading below
            stdin.write(orjson.dumps({"sheet": sheet, "most": most}) + b"\n")
            await stdin.drain()
        while "chunk" in (told := await self._next()):
            yield Chunk(**told["chunk"])

    async def _next(self) -> dict[str, Any]:
        """The next frame. Only the time that the child keeps us waiting counts against it."""
        began = monotonic()
        try:
            async with asyncio.timeout(self._limits.wall_s - self._waited):
                told = await self._frame()
        except TimeoutError:
            raise self._killed(Code.TIME, "Reading the file takes longer than it may.") from None
        except asyncio.IncompleteReadError:
            raise self._killed(*await self._death()) from None
        self._waited += monotonic() - began
        if "refused" in told:
            raise self._refused(*told["refused"])
        return told

    async def _frame(self) -> dict[str, Any]:
        stdout = self._running.stdout
        assert stdout is not None
        [length] = LENGTH.unpack(await stdout.readexactly(LENGTH.size))
        if length > LONGEST:
            raise self._killed(Code.DIED, "The reader of the file says more than it may.")
        told: dict[str, Any] = orjson.loads(await stdout.readexactly(length))
        return told

    async def _death(self) -> tuple[Code, str]:
        status = await self._running.wait()
        return _DEATHS.get(status, (Code.DIED, "The reader of the file ended unexpectedly."))

    def _refused(self, code: str, detail: str) -> Refused:
        if code == Code.MEMORY:
            return self._killed(Code.MEMORY, detail)
        return Refused(code, detail)

    def _killed(self, code: Code, detail: str) -> Refused:
        KILLED.labels(code.removeprefix("parser.")).inc()
        return Refused(code, detail)
