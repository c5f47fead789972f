"""Make workbooks by hand: parts of a zip as text, good ones and such as no program would write."""

import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"

TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{TYPE}.worksheet+xml"/></Types>'
)
ROOT = (
    f'<?xml version="1.0"?><Relationships xmlns="{PACKAGE}">'
    f'<Relationship Id="rId1" Type="{RELS}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
)
BOOK = (
    f'<?xml version="1.0"?><workbook xmlns="{MAIN}" xmlns:r="{RELS}"><sheets>'
    '<sheet name="Items" sheetId="1" r:id="rId1"/></sheets></workbook>'
)
BOOK_RELS = (
    f'<?xml version="1.0"?><Relationships xmlns="{PACKAGE}">'
    f'<Relationship Id="rId1" Type="{RELS}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{RELS}/sharedStrings" Target="sharedStrings.xml"/></Relationships>'
)
HEADER = (
    '<row r="1"><c r="A1" t="inlineStr"><is><t>Item</t></is></c><c r="B1" t="inlineStr"><is><t>Name</t></is></c></row>'
)
ONE = (
    '<row r="2"><c r="A2" t="inlineStr"><is><t>SHAFT-40</t></is></c>'
    '<c r="B2" t="inlineStr"><is><t>Shaft</t></is></c></row>'
)


def sheet(rows: str = HEADER + ONE, *, before: str = "", after: str = "", declared: str = "") -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{declared}<worksheet xmlns="{MAIN}">{before}'
        f"<sheetData>{rows}</sheetData>{after}</worksheet>"
    )


def parts(sheet_xml: str | bytes | None = None, **others: str | bytes) -> dict[str, str | bytes]:
    """The parts of a small workbook; `others` by name without the folder's slashes (`xl__styles.xml`)."""
    found: dict[str, str | bytes] = {
        "[Content_Types].xml": TYPES,
        "_rels/.rels": ROOT,
        "xl/workbook.xml": BOOK,
        "xl/_rels/workbook.xml.rels": BOOK_RELS,
        "xl/worksheets/sheet1.xml": sheet() if sheet_xml is None else sheet_xml,
    }
    return found | {name.replace("__", "/"): content for name, content in others.items()}


def write(path: Path, content: Mapping[str, str | bytes], *, stored: bool = False) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as file:
        for name, data in content.items():
            file.writestr(name, data)
    return path


def good(path: Path) -> Path:
    return write(path, parts())


class RawZip:
    """A zip whose headers say what they are told to, true or not."""

    def __init__(self) -> None:
        self._body, self._directory, self._count = b"", b"", 0

    def add(
        self,
        name: str,
        data: bytes,
        *,
        packed: bytes | None = None,
        inner_name: str | None = None,
        size: int | None = None,
        flags: int = 0,
        at: int | None = None,
        crc: int | None = None,
    ) -> int:
        """Add a part; the keywords are the lies. Gives where its local header lies."""
        if packed is None:
            squeeze = zlib.compressobj(9, wbits=-15)
            packed = squeeze.compress(data) + squeeze.flush()
        offset = len(self._body) if at is None else at
        told = len(data) if size is None else size
        crc = zlib.crc32(data) if crc is None else crc
        common = struct.pack("<5H3I", 20, flags, 8, 0, 0, crc, len(packed), told)[0:22]
        inner = (name if inner_name is None else inner_name).encode()
        if at is None:
            self._body += b"PK\x03\x04" + common + struct.pack("<2H", len(inner), 0) + inner + packed
        outer = name.encode()
        self._directory += (
            b"PK\x01\x02"
            + struct.pack("<H", 20)
            + common
            + struct.pack("<5H2I", len(outer), 0, 0, 0, 0, 0, offset)
            + outer
        )
        self._count += 1
        return offset

    def write(self, path: Path) -> Path:
        end = struct.pack(
            "<4s4H2IH", b"PK\x05\x06", 0, 0, self._count, self._count, len(self._directory), len(self._body), 0
        )
        path.write_bytes(self._body + self._directory + end)
        return path


def raw(content: Mapping[str, str | bytes]) -> RawZip:
    made = RawZip()
    for name, data in content.items():
        made.add(name, data.encode() if isinstance(data, str) else data)
    return made


def text_cell(place: str, text: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'
