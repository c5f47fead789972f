"""What the child does, in this process: the same answers; and what it gave up, in one of its own."""

import re
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imports.spreadsheet.child import answers
from imports.spreadsheet.limits import Limits
from imports.spreadsheet.sheetscan import Fast, Odd, Thorough, column_number
from services.imports.tests.spreadsheet.making import HEADER, MAIN, ONE, good, sheet
from services.imports.tests.spreadsheet.test_hostile import HARMLESS, LIMITED, REFUSED

ORDERS = [orjson.dumps({"sheet": 0, "most": most}) for most in (1, None)]


def answered(path: Path, limits: Limits | None = None):
    with path.open("rb") as file:
        return list(answers(file, limits or Limits(), ORDERS))


@pytest.mark.parametrize("name", [name for name, (_, code) in REFUSED.items() if code != "header.not-found"])
def test_a_refusal_is_the_last_answer(name, tmp_path):
    make, code = REFUSED[name]

    last = answered(make(tmp_path / "hostile.xlsx"))[-1]

    assert last["refused"][0] == code


@pytest.mark.parametrize("name", LIMITED)
def test_a_limit_is_the_last_answer(name, tmp_path):
    make, changed, code = LIMITED[name]

    assert answered(make(tmp_path / "a.xlsx"), Limits(**changed))[-1]["refused"][0] == code


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_harmless_is_answered(name, tmp_path):
    found = answered(HARMLESS[name](tmp_path / "a.xlsx"))

    assert [list(answer) for answer in found] == [["sheets"], ["chunk"], ["end"], ["chunk"], ["end"]]
    assert found[1]["chunk"] | {"columns": []} == {"row": 1, "rows": 1, "column": 1, "columns": []}
    assert found[3]["chunk"]["columns"][:2] == [
        {"k": "p", "v": ("Item", "SHAFT-40")},
        {"k": "p", "v": ("Name", "Shaft")},
    ]


TRIES = {
    "a connection": "import socket; socket.create_connection(('127.0.0.1', 9))",
    "a program": "import subprocess; subprocess.run(['true'])",
    "a fork": "os.fork()",
    "a file": "open('/tmp/takt-child-test', 'w')",
    "a low-level file": "os.write(os.open('/tmp/takt-child-test', os.O_WRONLY | os.O_CREAT), b'x')",
    "memory": "bytes(2 * 1024 ** 3)",
    "descriptors": "[os.open('/dev/null', os.O_RDONLY) for _ in range(100)]",
}


@pytest.mark.parametrize("name", TRIES)
def test_what_the_child_gave_up_is_out_of_reach(name):
    program = f"""
import os, signal, socket, subprocess
from imports.spreadsheet.child import shut_in
from imports.spreadsheet.limits import Limits
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
shut_in(Limits())
try:
    {TRIES[name]}
except (OSError, MemoryError):
    print("refused")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False, env={}
    )

    assert done.stdout == "refused\n", done.stderr


def test_the_child_sees_no_environment_and_no_network_of_ours(tmp_path):
    """Where the kernel lets it, it stands in a network without an interface; else Python's own way out is shut."""
    program = """
from imports.spreadsheet.child import leave_network
left = leave_network()
import os
print(left, sorted(os.listdir("/sys/class/net")) if not left else open("/proc/self/net/dev").read().count(":"))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)

    left, _, rest = done.stdout.strip().partition(" ")
    assert left == "False" or rest in {"0", "1"}  # at most a loopback interface, which is down


CELL = st.tuples(
    st.sampled_from(["", ' s="1"']),
    st.sampled_from(
        [
            ("", "<v>7</v>"),
            (' t="s"', "<v>0</v>"),
            (' t="inlineStr"', "<is><t>x</t></is>"),
            (' t="e"', "<v>#N/A</v>"),
            (' t="e"', "<f>A1</f><v>#REF!</v>"),
            ("", "<f>1+1</f><v></v>"),
            ("", "<f>1+1</f>"),
            ("", "<f>1+1</f><v>2</v>"),
            (' t="str"', "<f>A1</f><v></v>"),
            (' t="str"', "<f>A1</f>"),
            ("", ""),
        ]
    ),
)
ROWS = st.dictionaries(st.integers(1, 300), st.dictionaries(st.integers(1, 60), CELL, max_size=5), max_size=8)


def letters(column):
    return chr(64 + column) if column <= 26 else "A" + chr(64 + column - 26) if column <= 52 else "B" + chr(12 + column)


def spelled(rows):
    for number, cells in sorted(rows.items()):
        inner = "".join(
            f'<c r="{letters(column)}{number}"{style}{kind}>{content}</c>'
            if content
            else f'<c r="{letters(column)}{number}"/>'
            for column, (style, (kind, content)) in sorted(cells.items())
        )
        yield f'<row r="{number}">{inner}</row>' if inner else f'<row r="{number}"/>'


def scanned(by, xml, step):
    for at in range(0, len(xml), step):
        by.feed(xml[at : at + step])
    by.end()
    return by.sheet


@given(rows=ROWS, step=st.integers(1, 400))
@example(rows={1: {2: ("", ("", "<v>7</v>")), 27: ("", ("", ""))}}, step=400)
def test_both_ways_to_look_at_a_sheet_see_the_same(rows, step):
    xml = sheet("".join(spelled(rows))).encode()

    fast, thorough = scanned(Fast(Limits()), xml, step), scanned(Thorough(Limits()), xml, step)

    assert (fast.cells, fast.last_row) == (thorough.cells, thorough.last_row)
    assert list(fast.blanks()) == list(thorough.blanks())
    assert fast.last_column >= thorough.last_column
    assert fast.first_filled <= (thorough.first_filled or fast.first_filled)
    assert fast.last_filled >= thorough.last_filled


ODD = {
    "prefixes": re.sub("<(/?)(row|c)\\b", r"<\1x:\2", sheet()),
    "single quotes": sheet().replace('"inlineStr"', "'inlineStr'"),
    "a comment": sheet(HEADER + "<!-- <row r='9'> -->" + ONE),
    "character data": sheet(HEADER + ONE.replace("Shaft", "<![CDATA[Shaft]]>")),
    "places after styles": sheet(HEADER + ONE.replace('<c r="A2" t="inlineStr"', '<c t="inlineStr" r="A2"')),
    "no places": sheet(HEADER + ONE.replace(' r="A2"', "").replace(' r="B2"', "").replace(' r="2"', "")),
    "rich text": sheet(HEADER + ONE.replace("<t>Shaft</t>", "<r><t>Sha</t></r><r><t>ft</t></r>")),
    "line ends in tags": sheet(HEADER + ONE.replace("<c ", "<c\n")),
    "no rows": f'<worksheet xmlns="{MAIN}"><sheetPr/></worksheet>',
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_what_is_spelled_otherwise_is_parsed(name):
    xml = ODD[name].encode()

    with pytest.raises(Odd):
        scanned(Fast(Limits()), xml, 1000)
    found = scanned(Thorough(Limits()), xml, 1000)

    assert (found.cells, found.last_row, found.last_column) == ((0, 0, 0) if name == "no rows" else (4, 2, 2))


def test_columns_count_as_letters_do():
    assert [column_number(letter) for letter in (b"A", b"Z", b"AA", b"SR", b"XFD")] == [1, 26, 27, 512, 16384]


def test_a_good_file_is_answered_in_process_too(tmp_path):
    assert answered(good(tmp_path / "a.xlsx"))[0] == {"sheets": [("Items", True)]}
