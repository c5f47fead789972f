"""The parser child: `python -I -m imports.spreadsheet.child FD LIMITS` reads one file in a process that may die.

The file is an open descriptor. Orders come as lines of JSON on stdin (`{"sheet": 0, "most": 500}`), answers go as
frames to stdout. Before the first byte of the file is read the process gives up what it could do harm with.
"""

import os
import resource
import sys
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Final

import orjson

from imports.spreadsheet.delimited import Delimited
from imports.spreadsheet.frames import framed
from imports.spreadsheet.limits import Code, Limits, Refused
from imports.spreadsheet.workbook import Workbook

_OPEN_FILES: Final = 32
_NETWORK: Final = 0x40000000
_USER: Final = 0x10000000
_NEVER: Final = (
    "socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system", "os.spawn", "os.remove", "os.rename",
    "os.mkdir", "os.rmdir", "os.chmod", "os.chown", "os.link", "os.symlink", "os.truncate", "os.kill", "os.putenv",
    "ctypes.dlopen", "pty.spawn", "shutil.", "webbrowser.", "ftplib.", "http.", "urllib.",
)  # fmt: skip
_OLD: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_NOT_TEXT: Final = (
    b"%PDF-",
    b"\x89PNG",
    b"GIF8",
    b"\xff\xd8\xff",
    b"\x7fELF",
    b"MZ",
    b"Rar!",
    b"7z\xbc\xaf",
    b"\x1f\x8b",
)
_MARKUP: Final = (b"<!doctype", b"<html", b"<?xml", b"<svg", b"<table", b"{\\rtf")

File = Workbook | Delimited
Answer = dict[str, Any]


def main(argv: list[str]) -> None:
    """Answer orders until there are no more."""
    limits = Limits(**orjson.loads(argv[2]))
    shut_in(limits)
    with os.fdopen(int(argv[1]), "rb") as file:
        for told in answers(file, limits, sys.stdin.buffer):
            sys.stdout.buffer.write(framed(told))
            sys.stdout.buffer.flush()


def answers(file: BinaryIO, limits: Limits, orders: Iterable[bytes]) -> Iterator[Answer]:
    """The sheets, then what each order asks for. A refusal is the last answer."""
    try:
        opened = open_file(file, limits)
        yield {"sheets": opened.sheets()}
        for line in orders:
            order = orjson.loads(line)
            for chunk in opened.chunks(order["sheet"], order["most"]):
                yield {"chunk": chunk.as_json()}
            yield {"end": True}
    except Refused as refused:
        yield {"refused": [refused.code, refused.detail]}
    except MemoryError:
        yield {"refused": [Code.MEMORY, "Reading the file needs more memory than it may have."]}


def open_file(file: BinaryIO, limits: Limits) -> File:
    """What it is, by its first bytes; names and content types lie."""
    head = file.read(4096)
    if not head.strip():
        raise Refused(Code.EMPTY, "The file is empty.")
    if head.startswith(b"PK\x03\x04"):
        return Workbook(file, limits)
    if head.startswith(_OLD):
        raise _of_old(file)
    if head.startswith(_NOT_TEXT) or head.removeprefix(b"\xef\xbb\xbf").lstrip()[:12].lower().startswith(_MARKUP):
        raise Refused(Code.NOT_A_WORKBOOK, "The file is neither XLSX nor CSV.")
    return Delimited(file, limits)


def _of_old(file: BinaryIO) -> Refused:
    """A compound file is a workbook under a password, or one of the time before XLSX."""
    file.seek(0)
    if "EncryptedPackage".encode("utf-16-le") in file.read(1 << 20):
        return Refused(Code.ENCRYPTED, "The workbook is protected by a password; save it without one.")
    return Refused(Code.UNSUPPORTED, "The file is of the kind before XLSX; save it as .xlsx.")


def shut_in(limits: Limits) -> None:
    """Give up memory, time, files, network and every other program, in this order, for good."""
    leave_network()
    for what, most, at_last in (
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_AS, limits.memory, limits.memory),
        (resource.RLIMIT_CPU, limits.cpu_s, limits.cpu_s + 1),  # the first ends with a signal that names the reason
        (resource.RLIMIT_NOFILE, _OPEN_FILES, _OPEN_FILES),
        (resource.RLIMIT_FSIZE, 0, 0),
    ):
        resource.setrlimit(what, (most, at_last))
    sys.addaudithook(_refuse)


def leave_network() -> bool:
    """Move to a network namespace without any interface, where the kernel lets us. Else only `_refuse` stands."""
    import ctypes

    unshare = ctypes.CDLL(None, use_errno=True).unshare
    return any(unshare(flags) == 0 for flags in (_NETWORK, _USER | _NETWORK))


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """Python's own ways out. A reader that was taken over goes round them, not round the limits and the namespace."""
    if event.startswith(_NEVER) or (event == "open" and _writes(arguments)):
        raise PermissionError(event)


def _writes(arguments: tuple[Any, ...]) -> bool:
    return isinstance(arguments[1], str) and not set(arguments[1]).isdisjoint("wax+")


if __name__ == "__main__":
    main(sys.argv)
