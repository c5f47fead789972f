"""`takt import` as a person runs it, against a whole stack."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from takt.cli import app
from takt.stack import status
from takt.testing import untraced
from takt_contracts.roles import Role
from tests.e2e.plant import code
from tests.e2e.road import changed, sums_up, workbook
from tests.e2e.stack import PASSWORD, Stack

pytestmark = pytest.mark.broker
IMPORT = [sys.executable, "-m", "takt", "import"]


def run(*arguments: str, **variables: str) -> Result:
    return CliRunner().invoke(app, ["import", *arguments], env=variables)


@pytest.fixture
def items(tmp_path: Path) -> Path:
    """Three rows, the second of which lacks what is needed and holds what a terminal would take for a command."""
    first, third = code("CMD"), code("CMD")
    file = tmp_path / "items of the morning.xlsx"
    file.write_bytes(workbook(("Item", "Name"), [(first, "One"), ("a/b\x1b[2J[red]", "Two"), (third, "Three")]))
    return file


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    file = tmp_path / "sound.csv"
    file.write_text(f"Item;Name\n{code('CMD')};One\n{code('CMD')};Two\n")
    return file


def test_a_sound_file_lands_and_a_second_time_changes_nothing(stack: Stack, sound: Path) -> None:
    first = run(str(sound), "--template", "items", "--data", str(stack.data))
    again = run(str(sound), "--template", "items", "--data", str(stack.data))

    assert (first.exit_code, again.exit_code) == (0, 0), first.stderr + again.stderr
    assert "done; 2 rows: 2 created, 0 updated, 0 unchanged, 0 rejected." in first.stdout
    assert "done; 2 rows: 0 created, 0 updated, 2 unchanged, 0 rejected." in again.stdout


def test_a_rejected_row_is_shown_cell_by_cell_and_the_exit_code_is_1(stack: Stack, items: Path) -> None:
    done = run(str(items), "--template", "items", "--data", str(stack.data))

    assert done.exit_code == 1, done.stderr
    assert "3 rows: 2 created, 0 updated, 0 unchanged, 1 rejected." in done.stdout
    heads, row = [line.split() for line in done.stdout.splitlines() if line.strip().startswith(("row", "3 "))]
    assert heads == ["row", "column", "header", "value", "expected", "hint"]
    assert row[:3] == ["3", "A", "Item"]
    assert "\x1b" not in done.stdout


def test_for_scripts_it_is_one_document(stack: Stack, items: Path) -> None:
    done = run(str(items), "--template", "items", "--data", str(stack.data), "--json")
    told: dict[str, Any] = json.loads(done.stdout)

    assert done.exit_code == 1
    assert (told["import"]["state"], changed(told["import"]["totals"])) == ("done", 2)
    assert sums_up(told["import"]["totals"])
    assert [row["row"] for row in told["rejected"]] == [3]


def test_all_or_nothing_and_a_plan_change_nothing(stack: Stack, items: Path) -> None:
    planned = run(str(items), "--template", "items", "--plan", "--data", str(stack.data), "--json")
    atomic = run(str(items), "--template", "items", "--atomic", "--data", str(stack.data))
    landed = run(str(items), "--template", "items", "--data", str(stack.data), "--json")

    assert json.loads(planned.stdout)["import"]["state"] == "planned"
    assert (planned.exit_code, atomic.exit_code) == (1, 1)
    assert "failed" in atomic.stdout
    assert json.loads(landed.stdout)["import"]["totals"]["created"] == 2


def test_a_file_whose_header_says_nothing_asks_for_a_template(stack: Stack, tmp_path: Path) -> None:
    file = tmp_path / "colours.csv"
    file.write_text("colour;weight\nred;7\n")
    done = run(str(file), "--data", str(stack.data))

    assert done.exit_code == 1
    assert "--template" in done.stdout


def test_somebody_else_signs_in_by_name(stack: Stack, sound: Path) -> None:
    stack.headers(Role.PLANNER)
    given = ("--url", stack.gateway, "--user", "e2e-planner")
    right = run(str(sound), "--template", "items", *given, TAKT_PASSWORD=PASSWORD)
    wrong = run(str(sound), "--template", "items", *given, TAKT_PASSWORD="no")

    assert right.exit_code == 0, right.stderr
    assert wrong.exit_code == 2
    assert "were not accepted" in wrong.stderr


NEVER_BEGAN: dict[str, tuple[str, bytes | None, tuple[str, ...], str]] = {
    "no such file": ("none.csv", None, (), "There is no file"),
    "another extension": ("a.pdf", b"%PDF-1.7", (), "Only .xlsx and .csv files are read."),
    "empty": ("a.csv", b"", (), "The file is empty."),
    "a web page": ("a.xlsx", b"<html></html>", (), "looks like a web page"),
    "unknown template": ("a.csv", b"a,b\n", ("--template", "spaceships"), "There is no template spaceships."),
    "unknown wish": ("a.csv", b"a,b\n", ("--on-duplicate", "merge"), "/on_duplicate"),
    "no stack": ("a.csv", b"a,b\n", ("--data", "/tmp/no stack of ours"), "No stack runs on"),
    "no gateway": ("a.csv", b"a,b\n", ("--url", "http://127.0.0.1:1", "--user", "x"), "Nobody answers at"),
    "no address": ("a.csv", b"a,b\n", ("--url", "nonsense", "--user", "x"), "Nobody answers at nonsense"),
    "nobody": ("a.csv", b"a,b\n", ("--url", "http://127.0.0.1:1"), "--url needs --user"),
}


@pytest.mark.parametrize("name", NEVER_BEGAN)
def test_an_import_that_never_began_is_one_sentence(stack: Stack, tmp_path: Path, name: str) -> None:
    file, content, options, sentence = NEVER_BEGAN[name]
    if content is not None:
        (tmp_path / file).write_bytes(content)
    given = ("--template", "items", "--data", str(stack.data))
    done = run(str(tmp_path / file), *given, *options, TAKT_PASSWORD="x")

    assert (done.exit_code, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("takt: ")
    assert sentence in line


@pytest.fixture
def large(tmp_path: Path) -> Path:
    stem = code("BIG")
    file = tmp_path / "large.csv"
    file.write_text("Item;Name\n" + "".join(f"{stem}-{number};Item {number}\n" for number in range(5_000)))
    return file


def _interrupted(command: list[str]) -> str:
    """What it says when it is interrupted while it watches. Coverage's tracer now and then swallows an interrupt: it
    clears whatever is raised while it looks a greenlet up."""
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=untraced.environment()
    ) as running:
        try:
            assert running.stderr is not None
            assert "uploaded" in running.stderr.readline()
            running.send_signal(signal.SIGINT)
            said = running.communicate(timeout=40)[1]
        finally:
            running.kill()  # a child that goes on would be waited for without end
    assert running.returncode == 130
    return said


def test_who_goes_away_leaves_the_import_running(stack: Stack, large: Path) -> None:
    command = [*IMPORT, str(large), "--template", "items", "--data", str(stack.data)]
    worker = status.read(stack.data)["pids"]["imports-worker"]
    os.kill(worker, signal.SIGSTOP)  # so that the import cannot end first
    try:
        said = _interrupted(command)
    finally:
        os.kill(worker, signal.SIGCONT)

    assert "goes on without you" in said
    address = said.strip().rpartition(" ")[2]
    ends_at = time.monotonic() + 60
    while (found := httpx.get(address, headers=stack.headers(Role.ADMIN)).json())["state"] != "done":
        assert time.monotonic() < ends_at, found
        time.sleep(0.2)
    assert found["totals"]["created"] == 5_000


def test_a_gateway_that_dies_on_the_way_is_asked_again(stack: Stack, large: Path) -> None:
    command = [*IMPORT, str(large), "--template", "items", "--data", str(stack.data)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        assert "uploaded" in running.stderr.readline()
        os.kill(status.read(stack.data)["pids"]["gateway"], signal.SIGKILL)
        told, said = running.communicate(timeout=60)

    assert running.returncode == 0, told + said
    assert "5000 rows: 5000 created" in told


def test_on_a_terminal_a_bar_moves(stack: Stack, large: Path) -> None:
    ours, theirs = pty.openpty()
    command = [*IMPORT, str(large), "--template", "items", "--data", str(stack.data)]
    with subprocess.Popen(command, stderr=theirs, stdout=subprocess.PIPE, env={**os.environ, "TERM": "xterm"}) as done:
        os.close(theirs)
        told = b""
        try:
            while piece := os.read(ours, 4096):
                told += piece
        except OSError:  # how a terminal says that its program has ended
            pass
        assert done.wait(60) == 0
    os.close(ours)

    assert b"5000 of 5000 rows" in told
    assert "━".encode() in told
