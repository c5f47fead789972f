"""`takt chaos`: faults from a seed against a stack that was made for it. Exit 0: every judge says true."""

import argparse
import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from takt.errors import StackError
from takt.stack import status
from tests.e2e.stack import Stack
from tests.faults.chaos.run import composite
from tests.faults.checkers.verdict import Truth, overall
from tests.faults.harness.links import Linked, linked_stack


def main() -> int:
    given = _parser().parse_args()
    try:
        with _ground(given.data) as linked:
            return _run(linked, given.seed, given.minutes)
    except StackError as refused:
        print(f"takt: {refused}", file=sys.stderr)
        return 2


@contextmanager
def _ground(data: Path | None) -> Iterator[Linked]:
    """A test stack of its own, or the one that runs on the folder."""
    if data is not None:
        yield Linked(Stack(test_stack(data)))
        return
    _say("Starting a test stack.")
    with linked_stack() as linked:
        yield linked


def test_stack(data: Path) -> dict[str, object]:
    """Its status. Raises StackError when none runs there, or when it was not made to be harmed."""
    found = status.read(data)
    if found.get("test") is not True:
        raise StackError(
            f"The stack on {data} was not started with `takt up --test`: "
            "a chaos run kills its processes and fills its plant. Nothing was changed."
        )
    return found


def _run(linked: Linked, seed: int, minutes: float) -> int:
    _say(f"seed {seed}, {minutes:g} minutes on {linked.stack.data}")
    if not linked.links:
        _say("This stack has no links of ours: faults of the network are left out.")
    verdicts = asyncio.run(composite(linked, seed, minutes, _say).verdicts())
    for verdict in verdicts:
        _say(str(verdict))
    truth = overall(verdicts)
    _say(f"seed {seed}: {truth}")
    return 0 if truth is Truth.TRUE else 1


def _say(sentence: str) -> None:
    print(sentence, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("takt chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the same seed, the same faults")
    parser.add_argument("--minutes", type=float, default=2.0, help="of load; draining and judging come after")
    parser.add_argument("--data", type=Path, help="a running stack, started with `takt up --test`")
    return parser


if __name__ == "__main__":
    sys.exit(main())
