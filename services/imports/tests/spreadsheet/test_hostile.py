"""Files made to harm: each is refused with its code, or read by a stated rule, within 10 s; the next one is served."""

import asyncio
import os
import socket
import time
import zipfile
import zlib

import pytest

from imports.spreadsheet.limits import Limits, Refused
from services.imports.tests.spreadsheet import making
from services.imports.tests.spreadsheet.making import (
    BOOK,
    BOOK_RELS,
    HEADER,
    MAIN,
    ONE,
    TYPES,
    parts,
    raw,
    sheet,
    text_cell,
    write,
)
from services.imports.tests.spreadsheet.reader import opened, read

SHARED = f'<sst xmlns="{MAIN}" uniqueCount="{{}}"><si><t>Item</t></si></sst>'


def of_sheet(rows, **around):
    return lambda path: write(path, parts(sheet(rows, **around)))


def of_part(name, content):
    return lambda path: write(path, parts() | {name: content})


def of_bytes(content):
    def make(path):
        path.write_bytes(content)
        return path

    return make


def bomb(name):
    """A part that unpacks to a thousand times its size."""

    def make(path):
        squeeze = zlib.compressobj(9, wbits=-15)
        packed = b"".join(squeeze.compress(b" " * 2**20) for _ in range(60)) + squeeze.flush()
        made = raw(parts())
        made.add(name, b" " * 60 * 2**20, packed=packed)
        return made.write(path)

    return make


def inflated_past_the_limit(path):
    data = os.urandom(3 * 2**20)
    return write(path, parts() | {f"xl/media/{n}.png": data for n in range(4)}, stored=True)


def lying_size(path):
    made = raw({name: data for name, data in parts().items() if "sheet1" not in name})
    made.add("xl/worksheets/sheet1.xml", sheet().encode() * 2, size=10)
    return made.write(path)


def nothing_in_the_headers(path):
    made = raw({name: data for name, data in parts().items() if "sheet1" not in name})
    made.add("xl/worksheets/sheet1.xml", sheet().encode(), size=0, crc=0)
    return made.write(path)


def other_name_inside(path):
    made = raw({name: data for name, data in parts().items() if "sheet1" not in name})
    made.add("xl/worksheets/sheet1.xml", sheet().encode(), inner_name="xl/worksheets/sheet2.xml")
    return made.write(path)


def overlapping(path):
    made = raw(parts())
    data = b"x" * 1000
    at = made.add("docProps/a.xml", data)
    for number in range(50):
        made.add(f"docProps/{number}.xml", data, at=at)
    return made.write(path)


def twice(path):
    made = raw(parts())
    made.add("xl/worksheets/sheet1.xml", sheet(HEADER).encode())
    return made.write(path)


def named(name):
    return of_part(name, "<a/>")


def encrypted_part(path):
    made = raw({name: data for name, data in parts().items() if "sheet1" not in name})
    made.add("xl/worksheets/sheet1.xml", sheet().encode(), flags=1)
    return made.write(path)


def cut(path):
    whole = making.good(path).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return path


def flipped(path):
    content = bytearray(write(path, parts(), stored=True).read_bytes())
    content[content.index(b"SHAFT-40")] ^= 1
    path.write_bytes(content)
    return path


def many_sheets(path):
    sheets = "".join(f'<sheet name="S{n}" sheetId="{n}" r:id="rId1"/>' for n in range(1, 71))
    return write(
        path, parts() | {"xl/workbook.xml": BOOK.replace('<sheet name="Items" sheetId="1" r:id="rId1"/>', sheets)}
    )


def target(where, mode=""):
    rels = BOOK_RELS.replace('Target="worksheets/sheet1.xml"', f'Target="{where}"{mode}')
    return of_part("xl/_rels/workbook.xml.rels", rels)


def of_type(kind):
    return of_part("[Content_Types].xml", TYPES.replace(f"{making.TYPE}.sheet.main+xml", kind))


def behind(first):
    """A workbook that begins like something else."""

    def make(path):
        path.write_bytes(first + making.good(path).read_bytes())
        return path

    return make


ODS = {"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "content.xml": "<a/>"}
STYLED = ONE.replace("</row>", '<c r="XFD2" s="1"/></row>') + '<row r="1048576" ht="3"/>'
LONG = f'<sst xmlns="{MAIN}"><si><t>{"a" * 900}</t></si></sst>'
MERGED = '<mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells>'
INCLUDE = '<a xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="file:///etc/passwd"/></a>'
AWAY = BOOK_RELS.replace("sharedStrings.xml", "http://127.0.0.1:9/x")
LAUGHS = (
    '<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">'
    '<!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">]>'
)
EXTERNAL = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
PARAMETER = '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:{port}/p"> %p;]>'
OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
MANY_CELLS = '<row r="1">' + "<c><v>1</v></c>" * 20_000 + "</row>"
CORNER = f'{HEADER}<row r="2">{text_cell("A2", "x")}</row><row r="1048576">{text_cell("XFD1048576", "x")}</row>'

REFUSED = {
    # the zip
    "ratio": (bomb("xl/worksheets/sheet1.bin"), "limit.ratio"),
    "ratio of a picture": (bomb("xl/media/image1.png"), "limit.ratio"),
    "lying size": (lying_size, "file.damaged"),
    "sizes and checksums of 0": (nothing_in_the_headers, "file.damaged"),
    "other name inside": (other_name_inside, "file.parts-ambiguous"),
    "overlapping": (overlapping, "file.parts-ambiguous"),
    "twice": (twice, "file.parts-ambiguous"),
    "in other letters": (named("XL/Workbook.xml"), "file.parts-ambiguous"),
    "backslash": (named("xl\\worksheets\\sheet1.xml"), "file.parts-ambiguous"),
    "way up": (named("../../etc/cron.d/x"), "file.parts-ambiguous"),
    "absolute": (named("/etc/passwd"), "file.parts-ambiguous"),
    "50,000 parts": (lambda path: write(path, parts() | {f"a/{n}": b"" for n in range(50_000)}), "limit.parts"),
    "encrypted part": (encrypted_part, "file.encrypted"),
    "cut": (cut, "file.damaged"),
    "flipped bit": (flipped, "file.damaged"),
    "nested": (lambda path: write(path, {"a.zip": b"PK\x03\x04" + bytes(100)}), "file.type-unsupported"),
    # the XML
    "laughs in the sheet": (of_sheet(HEADER + ONE, declared=LAUGHS), "file.doctype"),
    "external entity": (of_sheet(HEADER + ONE, declared=EXTERNAL), "file.doctype"),
    "laughs in shared strings": (of_part("xl/sharedStrings.xml", LAUGHS + SHARED.format(1)), "file.doctype"),
    "laughs in styles": (of_part("xl/styles.xml", LAUGHS + "<styleSheet/>"), "file.doctype"),
    "laughs in relations": (of_part("xl/_rels/workbook.xml.rels", LAUGHS + BOOK_RELS), "file.doctype"),
    "laughs in content types": (of_part("[Content_Types].xml", LAUGHS + TYPES), "file.doctype"),
    "laughs in properties": (of_part("docProps/core.xml", LAUGHS + "<a/>"), "file.doctype"),
    "laughs in custom XML": (of_part("customXml/item1.xml", LAUGHS + "<a/>"), "file.doctype"),
    "doctype in two bytes a letter": (of_part("xl/styles.xml", (LAUGHS + "<a/>").encode("utf-16")), "file.damaged"),
    "doctype after a long comment": (of_part("xl/styles.xml", f"<!--{' ' * 2**20}-->{LAUGHS}<a/>"), "file.doctype"),
    "not well-formed": (of_sheet(HEADER + '<row r="2"><c r="A2"><v>1</v></row>'), "file.damaged"),
    # the sheet
    "corners": (of_sheet(CORNER), "limit.columns"),
    "far rows": (of_sheet(f'{HEADER}<row r="1048576">{text_cell("SR1048576", "x")}</row>'), "limit.cells"),
    "corner in the wrong row": (of_sheet(HEADER + f'<row r="2">{text_cell("SR1048576", "x")}</row>'), "limit.cells"),
    "row 999,999,999": (of_sheet(HEADER + '<row r="999999999"><c r="A999999999"><v>1</v></c></row>'), "limit.rows"),
    "row of 30 digits": (of_sheet(HEADER + f'<row r="{"9" * 30}"/>'), "limit.rows"),
    "column ZZZ": (of_sheet(HEADER + f'<row r="2">{text_cell("ZZZ2", "x")}</row>'), "limit.columns"),
    "column past three letters": (of_sheet(HEADER + f'<row r="2">{text_cell("ZZZZZZ2", "x")}</row>'), "limit.columns"),
    "cells without places": (of_sheet(MANY_CELLS), "limit.columns"),
    "stated texts": (of_part("xl/sharedStrings.xml", SHARED.format(4_000_000_000)), "limit.strings"),
    "stated texts, no number": (of_part("xl/sharedStrings.xml", SHARED.format("-1")), "limit.strings"),
    "70 sheets": (many_sheets, "limit.sheets"),
    # relations that lead out
    "sheet by http": (target("http://127.0.0.1:9/sheet.xml", ' TargetMode="External"'), "file.damaged"),
    "sheet by file": (target("file:///etc/passwd"), "file.damaged"),
    "sheet above": (target("../../../etc/passwd"), "file.damaged"),
    "sheet that is not there": (target("worksheets/sheet9.xml"), "file.damaged"),
    "macros": (of_part("xl/vbaProject.bin", b"\xd0\xcf"), "file.macros"),
    "xlsm": (of_type("application/vnd.ms-excel.sheet.macroEnabled.main+xml"), "file.macros"),
    "xlsb": (of_type("application/vnd.ms-excel.sheet.binary.macroEnabled.main"), "file.macros"),
    "ods": (lambda path: write(path, ODS), "file.type-unsupported"),
    # what is no workbook
    "empty": (of_bytes(b""), "file.empty"),
    "blanks": (of_bytes(b" \r\n\t\r\n"), "file.empty"),
    "one byte": (of_bytes(b"x"), "header.not-found"),
    "png": (of_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100)), "file.not-a-workbook"),
    "pdf": (of_bytes(b"%PDF-1.7\n1 0 obj"), "file.not-a-workbook"),
    "elf": (of_bytes(b"\x7fELF\x02\x01\x01" + bytes(100)), "file.not-a-workbook"),
    "html": (of_bytes(b"\n <HTML><table><tr><td>Item</td></tr></table>"), "file.not-a-workbook"),
    "zip behind html": (behind(b"<!doctype html>"), "file.not-a-workbook"),
    "zip behind text": (behind(b"Item,Name\n"), "file.not-a-workbook"),
    "xls": (of_bytes(OLD), "file.type-unsupported"),
    "under a password": (of_bytes(OLD + "EncryptedPackage".encode("utf-16-le") + bytes(400)), "file.encrypted"),
    # CSV
    "nul": (of_bytes(b"Item,Name\nA,\0B\n"), "file.not-a-workbook"),
    "nul late": (of_bytes(b"Item,Name\n" + b"A,B\n" * 2**18 + b"\0"), "file.not-a-workbook"),
    "quote": (of_bytes(b'Item,Name\nA,"Shaft\nB,Bush\nC,Bar\n'), "csv.quote-unclosed"),
    "quote over much": (of_bytes(b'Item,Name\nA,"' + b"Shaft,1\n" * 2**18), "csv.quote-unclosed"),
    "long line": (of_bytes(b"Item,Name\nA," + b"x" * 2_000_000), "limit.line-length"),
    "long cell": (of_bytes(b"Item,Name\nA," + b"x" * 50_000 + b"\n"), "limit.cell-length"),
    "columns": (of_bytes(b"Item,Name" + b",x" * 10_000 + b"\nA,B\n"), "limit.columns"),
    "mixed letters": (of_bytes("Item,Name\nA,Größe\n".encode() + "B,Größe\n".encode("cp1252")), "csv.encoding"),
    "half of UTF-16": (of_bytes(b"\xff\xfe" + "Item,Name\n".encode("utf-16-le") + b"\x00\xd8\x41"), "csv.encoding"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
async def test_a_hostile_file_is_refused_in_time_and_the_next_one_served(name, tmp_path):
    make, code = REFUSED[name]
    file = make(tmp_path / "hostile.xlsx")
    began = time.monotonic()

    with pytest.raises(Refused) as refused:
        await read(file, "items")

    assert (refused.value.code, bool(refused.value.detail)) == (code, True)
    assert time.monotonic() - began < 10
    assert len((await read(making.good(tmp_path / "good.xlsx"), "items")).rows) == 1


HARMLESS = {
    "merged over the whole sheet": of_sheet(HEADER + ONE, after=MERGED),
    "a dimension that lies": of_sheet(HEADER + ONE, before='<dimension ref="A1:XFD1048576"/>'),
    "style of far cells": of_sheet(HEADER + STYLED),
    "include": of_part("customXml/item2.xml", INCLUDE),
    "picture outside": of_part("xl/worksheets/_rels/sheet1.xml.rels", AWAY),
}  # fmt: skip


@pytest.mark.parametrize("name", HARMLESS)
async def test_what_only_looks_dangerous_is_read(name, tmp_path):
    found = await read(HARMLESS[name](tmp_path / "odd.xlsx"), "items")

    assert found.by_field == [{"code": "SHAFT-40", "name": "Shaft"}]


async def test_a_million_empty_rows_are_nothing(tmp_path):
    rows = "".join(f'<row r="{number}"/>' for number in range(3, 1_048_577))

    found = await read(write(tmp_path / "long.xlsx", parts(sheet(HEADER + ONE + rows))), "items")

    assert (found.seen, len(found.rows)) == (1, 1)


LIMITED = {
    "inflated": (inflated_past_the_limit, {"inflated": 8 * 2**20}, "limit.inflated"),
    "one part": (bomb("docProps/long.xml"), {"part": 2**20, "ratio": 10_000}, "limit.inflated"),
    "cells": (of_sheet(HEADER + ONE), {"cells": 3}, "limit.cells"),
    "rows": (of_sheet(HEADER + ONE), {"rows": 1}, "limit.rows"),
    "rows of CSV": (of_bytes(b"Item,Name\nA,B\nC,D\n"), {"rows": 2}, "limit.rows"),
    "texts": (of_part("xl/sharedStrings.xml", SHARED.format(9) * 9), {"strings": 8}, "limit.strings"),
    "text": (of_part("xl/sharedStrings.xml", LONG), {"cell_length": 50}, "limit.cell-length"),
}  # fmt: skip


@pytest.mark.parametrize("name", LIMITED)
async def test_every_limit_is_a_setting(name, tmp_path):
    make, changed, code = LIMITED[name]

    with pytest.raises(Refused) as refused:
        await read(make(tmp_path / "a.xlsx"), "items", limits=Limits(**changed))

    assert refused.value.code == code


async def test_nothing_is_fetched_from_outside(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as canary:
        canary.setblocking(False)
        port = canary.getsockname()[1]
        url = f"http://127.0.0.1:{port}/x"
        for make in (
            target(url, ' TargetMode="External"'),
            of_sheet(HEADER + ONE, declared=PARAMETER.format(port=port)),
            of_part("xl/externalLinks/_rels/externalLink1.xml.rels", BOOK_RELS.replace("sharedStrings.xml", url)),
        ):
            try:
                await read(make(tmp_path / "a.xlsx"), "items")
            except Refused:
                await asyncio.sleep(0)
        with pytest.raises(BlockingIOError):
            canary.accept()


async def test_the_child_is_gone_when_the_reading_ends(tmp_path):
    async with opened(making.good(tmp_path / "a.xlsx"), "items") as reading:
        await reading.head()
        child = reading._parser.pid
        os.kill(child, 0)

    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


async def test_names_of_the_file_do_not_matter(tmp_path):
    for name in ("-rf.xlsx", "a\nb.xlsx", "CON", "=cmd|' C calc'!A0", "\u202exslx.exe", "x" * 200):
        assert len((await read(making.good(tmp_path / name), "items")).rows) == 1


def test_the_maker_makes_what_others_read(tmp_path):
    assert zipfile.ZipFile(raw(parts()).write(tmp_path / "a.xlsx")).testzip() is None
