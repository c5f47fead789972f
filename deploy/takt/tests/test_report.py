import io
import json

import pytest

from takt.stack.report import Console, Pipe


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_progress_stays_on_one_line() -> None:
    out = Terminal()
    console = Console(out)

    console.fetching("a.jar", 1_000_000, 2_000_000)
    console.fetching("b.jar", 2_000_000, 2_000_000)
    console.say("Done.")

    assert out.getvalue().count("\n") == 2
    assert out.getvalue().count("\r") == 2
    assert "2.0 of 2.0 MB (100 %)" in out.getvalue()


def test_elsewhere_progress_is_a_line_now_and_then_and_always_the_last() -> None:
    out = io.StringIO()
    console = Console(out)

    for done in range(1, 101):
        console.fetching("a.jar", done * 10_000, 1_000_000)

    lines = out.getvalue().splitlines()
    assert len(lines) <= 3
    assert lines[-1].endswith("(100 %)")


def test_a_pipe_carries_what_was_said_and_survives_its_reader(capsys: pytest.CaptureFixture[str]) -> None:
    class Gone(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError

    told, gone = io.StringIO(), Pipe(Gone())

    Pipe(told).say("It runs.")
    gone.say("It runs.")
    gone.say("Still.")

    assert json.loads(told.getvalue()) == {"say": "It runs."}
    assert capsys.readouterr().out == "It runs.\nIt runs.\nStill.\n"
