"""The demo once, from an empty folder to the last line, as a newcomer runs it."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from takt.demo.plant import ITEMS, MACHINES, OPERATIONS, PEOPLE, WORKPLACES
from takt.demo.show import curl
from takt.embedded.process import last_line

pytestmark = [pytest.mark.long, pytest.mark.db, pytest.mark.broker, pytest.mark.timeout(180)]
IMPORTED, WRONG = 1985, 15  # counted by hand in examples/make.py: 400 orders of five steps, and its list of wrong cells


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="takt-demo-"))
    home.chmod(0o755)
    yield home / "data"
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def shown(data: Path) -> str:
    return demo(data)


@pytest.fixture(scope="module")
def shown_again(data: Path, shown: str) -> str:
    return demo(data)


def demo(data: Path) -> str:
    command = [sys.executable, "-m", "takt", "demo", "--once", "--data", str(data)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 0, done.stdout + done.stderr + last_line(data / "logs" / "gateway.log")
    return done.stderr + done.stdout


def rows(shown: str, table: str) -> int:
    found = re.search(rf"^{re.escape(table)} +(\d+)", shown, re.MULTILINE)
    assert found is not None, shown
    return int(found[1])


def test_the_whole_declared_plant_is_in_the_tables(shown: str) -> None:
    declared = {"workplaces": WORKPLACES, "machines": MACHINES, "items": ITEMS, "operations": OPERATIONS}

    wanted = {plural: len(bodies) for plural, bodies in declared.items()}
    wanted["operations"] += IMPORTED
    assert {plural: rows(shown, f"operations.{plural}") for plural in declared} == wanted


def test_every_step_of_the_story_is_an_event_in_the_log(shown: str) -> None:
    happened = len(OPERATIONS) + sum(len(planned.steps) for planned in OPERATIONS)

    assert rows(shown, "takt.operations.operation") == happened + IMPORTED
    assert rows(shown, "takt.operations.workplace") == len(WORKPLACES)
    assert rows(shown, "takt.gateway.user") == len(PEOPLE) + 1


def test_the_morning_s_workbook_lands_and_three_judges_agree(shown: str) -> None:
    assert f"done; 2000 rows: {IMPORTED} created, 0 updated, 0 unchanged, {WRONG} rejected." in shown
    assert f"openpyxl counts 2000 rows in the file, SQL {IMPORTED} of its operations in the table" in shown
    assert f"a raw consumer {IMPORTED} events of it in the log: they agree" in shown
    assert f"... and {WRONG - 5} more rows." in shown
    assert re.search(r"^ *36 +C +Work centre +CNC-99 ", shown, re.MULTILINE)


def test_the_card_of_an_order_says_what_is_known_and_from_where(shown: str) -> None:
    for section, count in {"operations": 5, "ledger": 1, "imports": 1, "records": 0}.items():
        assert re.search(rf"^{section} +{count} +20\d\d-\S+Z +no *$", shown, re.MULTILINE), section
    assert "From morning.xlsx, rows 50, 51, 52, 53, 54." in shown


def test_the_same_workbook_the_next_time_is_silence(shown: str, shown_again: str) -> None:
    assert f"done; 2000 rows: 0 created, 0 updated, {IMPORTED} unchanged, {WRONG} rejected." in shown_again
    assert "a raw consumer 0 events of it in the log" in shown_again
    for topic in ("takt.operations.operation", "takt.operations.item"):
        assert rows(shown_again, topic) == rows(shown, topic)


def test_it_tells_where_the_password_lies_and_not_what_it_is(shown: str, data: Path) -> None:
    credentials = data / "credentials.json"

    assert f"Sign in as admin; the password lies in {credentials}" in shown
    assert json.loads(credentials.read_text())["password"] not in shown


def test_the_line_to_paste_signs_in_with_the_file_and_stays_one_line() -> None:
    line = curl("http://127.0.0.1:8080", "/home/op 07/credentials.json")

    assert "'/home/op 07/credentials.json'" in line
    assert "\n" not in line


def test_people_are_roles_and_numbers() -> None:
    assert all(re.fullmatch(r"(Operator|Planner) \d\d", person.name) for person in PEOPLE)
