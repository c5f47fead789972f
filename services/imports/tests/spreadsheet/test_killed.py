"""A child that takes too much dies alone: its file is refused with the reason, the next one is read."""

import signal

import pytest
from prometheus_client import REGISTRY

from imports.spreadsheet.limits import Limits, Refused
from services.imports.tests.spreadsheet import making
from services.imports.tests.spreadsheet.making import HEADER, parts, sheet, write
from services.imports.tests.spreadsheet.reader import opened, read


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Small on disk, 480,000 cells inside, spelled so that they are looked at in the slow way."""
    cells = "".join(f'<c  r="{letter}{{0}}"><v>{{0}}</v></c>' for letter in "ABCDEFGHIJKL")
    rows = "".join(f'<row r="{number}">{cells.format(number)}</row>' for number in range(2, 40_002))
    return write(tmp_path_factory.mktemp("large") / "large.xlsx", parts(sheet(HEADER + rows)))


def killed(reason):
    return REGISTRY.get_sample_value("takt_parser_killed_total", {"reason": reason}) or 0


@pytest.mark.parametrize(
    ("reason", "limits"),
    [("memory", Limits(memory=40 * 2**20)), ("cpu", Limits(cpu_s=1)), ("time", Limits(wall_s=0))],
)
async def test_a_child_over_its_limit_ends_and_is_counted(large, tmp_path, reason, limits):
    before = killed(reason)

    with pytest.raises(Refused) as refused:
        await read(large, "items", limits=limits)

    assert refused.value.code == f"parser.{reason}"
    assert killed(reason) == before + 1
    assert len((await read(making.good(tmp_path / "good.xlsx"), "items")).rows) == 1


async def test_a_child_that_is_killed_from_outside_is_a_refused_file(large):
    before = killed("died")
    async with opened(large, "items") as reading:
        await reading.head()
        reading._parser._running.send_signal(signal.SIGKILL)

        with pytest.raises(Refused) as refused:
            [batch async for batch in reading.batches()]

    assert (refused.value.code, killed("died")) == ("parser.died", before + 1)


async def test_all_of_it_is_read_within_the_limits(large):
    found = await read(large, "items")

    assert (found.seen, len(found.rows), found.rejected) == (40_000, 40_000, [])
