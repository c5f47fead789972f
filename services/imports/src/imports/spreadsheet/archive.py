"""Walk a zip as it lies on disk: every part inflated once as a stream, counted by what really comes out.

Headers are believed only where both copies agree, because two readers that believe different copies see two files.
"""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO, Final

from imports.spreadsheet.limits import Code, Limits, Refused

_LOCAL: Final = struct.Struct("<4s5H3I2H")
_STEP: Final = 1 << 20
_ENCRYPTED, _STORED, _DEFLATED = 0x1, 0, 8


@dataclass
class Part:
    """A part of the archive and where its bytes lie."""

    info: zipfile.ZipInfo
    start: int
    end: int

    @property
    def name(self) -> str:
        return self.info.filename


class Archive:
    """The parts of a zip whose two directories agree. Raises Refused; nothing is inflated yet."""

    def __init__(self, file: BinaryIO, limits: Limits) -> None:
        self._file, self._limits = file, limits
        self._sizes: dict[str, int] = {}
        self.parts = [self._located(info) for info in self._listed()]
        self._refuse_overlaps()

    def _listed(self) -> list[zipfile.ZipInfo]:
        try:
            found = zipfile.ZipFile(self._file).infolist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError, struct.error) as wrong:
            raise Refused(Code.DAMAGED, f"The archive cannot be read: {wrong}.") from None
        if len(found) > self._limits.parts:
            raise Refused(Code.PARTS, f"The file has {len(found)} parts; at most {self._limits.parts} are read.")
        _refuse_names([info.orig_filename for info in found])
        return found

    def _located(self, info: zipfile.ZipInfo) -> Part:
        """Where the part's bytes begin, from its local header, which must tell the same as the directory."""
        self._file.seek(info.header_offset)
        raw = self._file.read(_LOCAL.size)
        if len(raw) < _LOCAL.size or raw[:4] != b"PK\x03\x04":
            raise Refused(Code.DAMAGED, f"Part {info.filename} is not where the directory says.")
        _, _, flags, method, _, _, _, _, _, name_length, extra_length = _LOCAL.unpack(raw)
        name = self._file.read(name_length)
        if (flags | info.flag_bits) & _ENCRYPTED:
            raise Refused(Code.ENCRYPTED, "The file is protected by a password.")
        if method != info.compress_type or name != _raw_name(info):
            raise Refused(Code.AMBIGUOUS, f"The two headers of part {info.filename} disagree.")
        if method not in {_STORED, _DEFLATED}:
            raise Refused(Code.DAMAGED, f"Part {info.filename} is packed in a way that no workbook uses.")
        start = info.header_offset + _LOCAL.size + name_length + extra_length
        return Part(info, start, start + info.compress_size)

    def _refuse_overlaps(self) -> None:
        ordered = sorted(self.parts, key=lambda part: part.info.header_offset)
        for before, after in pairwise(ordered):
            if after.info.header_offset < before.end:
                raise Refused(Code.AMBIGUOUS, f"Parts {before.name} and {after.name} overlap.")

    def read(self, name: str) -> bytes:
        """One small part as a whole; empty where there is none."""
        part = next((part for part in self.parts if part.name == name), None)
        return b"" if part is None else b"".join(self.inflate(part))

    def inflate(self, part: Part) -> Iterator[bytes]:
        """The part's bytes in chunks, counted; a part that is not what its header says is refused."""
        size = crc = 0
        for data in self._bytes(part):
            size, crc = size + len(data), zlib.crc32(data, crc)
            self._count(part, size)
            yield data
        if size != part.info.file_size or crc != part.info.CRC:
            raise Refused(Code.DAMAGED, f"Part {part.name} is not what its header says.")

    def _bytes(self, part: Part) -> Iterator[bytes]:
        if part.info.compress_type == _STORED:
            yield from self._packed(part)
            return
        unpack = zlib.decompressobj(-15)
        try:
            for packed in self._packed(part):
                rest = packed
                while rest and not unpack.eof:
                    yield unpack.decompress(rest, _STEP)
                    rest = unpack.unconsumed_tail
            while data := unpack.decompress(unpack.unconsumed_tail, _STEP):
                yield data
        except zlib.error:
            raise Refused(Code.DAMAGED, f"Part {part.name} cannot be unpacked.") from None

    def _packed(self, part: Part) -> Iterator[bytes]:
        at = part.start
        while at < part.end:
            self._file.seek(at)
            data = self._file.read(min(_STEP, part.end - at))
            if not data:
                raise Refused(Code.DAMAGED, f"Part {part.name} ends too early.")
            at += len(data)
            yield data

    def _count(self, part: Part, size: int) -> None:
        """By part, because a part may be inflated more than once."""
        limits = self._limits
        self._sizes[part.name] = max(size, self._sizes.get(part.name, 0))
        if size > limits.part or sum(self._sizes.values()) > limits.inflated:
            raise Refused(Code.INFLATED, f"Unpacked, the file is larger than {limits.inflated // 2**20} MiB.")
        if size > limits.ratio_from and size > limits.ratio * max(1, part.info.compress_size):
            raise Refused(Code.RATIO, f"Part {part.name} unpacks to more than {limits.ratio} times its size.")


def _raw_name(info: zipfile.ZipInfo) -> bytes:
    return info.orig_filename.encode("utf-8" if info.flag_bits & 0x800 else "cp437")


def _refuse_names(names: list[str]) -> None:
    """A name that another reader could take for another one: twice, in other letters, or with other slashes."""
    if len({name.casefold() for name in names}) != len(names):
        raise Refused(Code.AMBIGUOUS, "Two parts of the file share a name.")
    for name in names:
        if "\\" in name or "\0" in name or ".." in name.split("/") or name.startswith("/"):
            raise Refused(Code.AMBIGUOUS, f"A part of the file has the name {name!r}.")
