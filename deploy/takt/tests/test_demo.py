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

pytestmark = [pytest.mark.db, pytest.mark.broker, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="takt-demo-"))
    home.chmod(0o755)
    yield home / "data"
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def shown(data: Path) -> str:
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

    assert {plural: rows(shown, f"operations.{plural}") for plural in declared} == {
        plural: len(bodies) for plural, bodies in declared.items()
    }


def test_every_step_of_the_story_is_an_event_in_the_log(shown: str) -> None:
    happened = len(OPERATIONS) + sum(len(planned.steps) for planned in OPERATIONS)

    assert rows(shown, "takt.operations.operation") == happened
    assert rows(shown, "takt.operations.workplace") == len(WORKPLACES)
    assert rows(shown, "takt.gateway.user") == len(PEOPLE) + 1


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
