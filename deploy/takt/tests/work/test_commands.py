"""The commands that the pages promise exist, and trouble is said in one sentence."""

import re
import subprocess
import sys

import pytest
import typer

from takt.cli import app
from takt.workspace import root

PAGES = ("README.md", "CONTRIBUTING.md", ".ci/run", ".github/workflows/ci.yml", "docker-compose.yml")
PROMISED = re.compile(r"uv run (?:--no-sync )?takt ([a-z-]+)((?: (?:--[a-z-]+|[\w./\"]+))*)")
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # an app of several commands is a group


def promised() -> set[tuple[str, str]]:
    found = set()
    for name in PAGES:
        text = (root() / name).read_text() if (root() / name).is_file() else ""
        for command, rest in PROMISED.findall(text):
            found |= {(command, option) for option in ["", *re.findall(r"--[a-z-]+", rest)]}
    return found


@pytest.mark.parametrize(("command", "option"), sorted(promised()))
def test_what_the_pages_promise_exists(command, option):
    assert command in COMMANDS
    known = {name for parameter in COMMANDS[command].params for name in parameter.opts}
    assert option in known | {""}


def takt(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "takt", *argv], capture_output=True, text=True, check=False, cwd="/")


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (("new-resource", "nowhere", "terminal"), "takt: The service 'nowhere' has no catalog.\n"),
        (("new-resource", "operations", "item"), "exists already.\n"),
        (
            ("migration", "nowhere", "x"),
            "takt: There is no service 'nowhere': operations, records, imports, gateway.\n",
        ),
    ],
)
def test_trouble_is_one_sentence_and_no_traceback(argv, sentence):
    done = takt(*argv)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith(sentence)
    assert done.stderr.count("\n") == 1


def test_secrets_are_made_once(tmp_path):
    first, again = takt("secrets", str(tmp_path / "s")), takt("secrets", str(tmp_path / "s"))

    assert (first.returncode, first.stdout.count("\n")) == (0, 1)
    assert (again.returncode, again.stdout) == (1, "")
    assert "already holds secrets" in again.stderr
    assert (tmp_path / "s").stat().st_mode & 0o077 == 0
