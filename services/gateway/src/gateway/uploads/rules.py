"""What a file may be called and how it must begin. Pure."""

import re
import unicodedata
from enum import StrEnum

from gateway.uploads.errors import WrongContent, WrongExtension
from plantkit.errors import Invalid
from takt_contracts.problem import FieldError

SNIFFED = 4096
"""How many bytes of a file are enough to tell what it is."""

_LONGEST_NAME = 200
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_KNOWN = {
    b"PK": "a zip archive, such as a workbook",
    b"\xd0\xcf\x11\xe0": "an older office document, or one with a password",
    b"%PDF": "a PDF document",
    b"\x89PNG": "a picture",
    b"GIF8": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"\x1f\x8b": "a compressed file",
    b"7z\xbc\xaf": "an archive",
    b"Rar!": "an archive",
    b"\x7fELF": "a program",
}
_NEVER_TEXT = (b"PK\x03\x04", b"%PDF", b"\xff\xd8\xff", b"GIF8", b"Rar!")
_MARKUP = re.compile(rb"\s*<(!doctype|html|\?xml|head|body|table|script|meta)", re.IGNORECASE)
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


class Extension(StrEnum):
    """What the door lets in."""

    XLSX = ".xlsx"
    CSV = ".csv"


def clean_name(sent: str) -> str:
    """The last part of what a browser sent, on one line, without what nobody sees. Raises Invalid.

    It names the file to people and is never used as a path.
    """
    last = unicodedata.normalize("NFC", sent).replace("\\", "/").rpartition("/")[2]
    seen = "".join(" " if _is_blank(sign) else sign for sign in last if unicodedata.category(sign) not in _UNSEEN)
    name = " ".join(seen.split())
    if not name:
        raise _refused("field.missing", "The file has no name.")
    if len(name) > _LONGEST_NAME:
        raise _refused("field.range", f"The file's name is longer than {_LONGEST_NAME} characters.")
    return name


_UNSEEN = frozenset({"Cf", "Cs", "Co", "Cn"})  # marks of direction and joining, halves of pairs, what has no meaning


def _is_blank(sign: str) -> bool:
    return unicodedata.category(sign) in {"Cc", "Zl", "Zp", "Zs"}


def _refused(code: str, detail: str) -> Invalid:
    return Invalid(detail, errors=[FieldError(pointer="/file", code=code, detail=detail)])


def extension_of(name: str) -> Extension:
    """Raises WrongExtension."""
    _, dot, ending = name.rpartition(".")
    try:
        return Extension(f"{dot}{ending.lower()}")
    except ValueError:
        raise WrongExtension("Only .xlsx and .csv files are read.", file_name=name) from None


def refuse_other_content(extension: Extension, head: bytes) -> None:
    """Raises WrongContent when a file that begins with `head` cannot be what its extension says."""
    if extension is Extension.XLSX and not head.startswith(b"PK\x03\x04"):
        raise WrongContent(f"This is no workbook: it looks like {_look(head)}.")
    if extension is Extension.CSV and not _is_text(head):
        raise WrongContent(f"This is no CSV: it looks like {_look(head)}.")


def _is_text(head: bytes) -> bool:
    if head.startswith(_UTF16):
        return True
    return not (_BINARY.search(head) or _MARKUP.match(head) or head.startswith(_NEVER_TEXT))


def _look(head: bytes) -> str:
    known = (word for magic, word in _KNOWN.items() if head.startswith(magic))
    if _MARKUP.match(head):
        return "a web page"
    return next(known, "something binary" if _BINARY.search(head) else "plain text")
