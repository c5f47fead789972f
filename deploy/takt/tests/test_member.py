from dataclasses import dataclass, field

from takt.errors import StackError
from takt.stack.member import Member


@dataclass
class Heard:
    said: list[str] = field(default_factory=list)

    def say(self, sentence: str) -> None:
        self.said.append(sentence)

    def fetching(self, name: str, done: int, total: int) -> None:
        raise AssertionError("nothing is fetched here")


@dataclass
class Program:
    """Something that can be started and can end, as often as the test wants."""

    pid: int | None = None
    starts: int = 0
    broken: bool = False

    def start(self) -> None:
        if self.broken:
            raise StackError("no such file")
        self.starts += 1
        self.pid = 1000 + self.starts

    def member(self) -> Member:
        made = Member("service", self.start, lambda: self.pid)
        made.begin()
        return made


def test_what_runs_is_left_alone() -> None:
    program, heard = Program(), Heard()

    assert not program.member().check(heard)
    assert (program.starts, heard.said) == (1, [])


def test_what_ends_starts_again_after_a_moment() -> None:
    program, heard = Program(), Heard()
    member = program.member()
    program.pid = None

    assert not member.check(heard)
    assert program.starts == 1
    assert heard.said == ["service ended; it starts again in 1 s."]
    member.again_at = 0
    assert member.check(heard)
    assert program.starts == 2


def test_the_wait_grows_with_each_quick_end_and_not_beyond_ten_seconds() -> None:
    program, heard = Program(), Heard()
    member = program.member()
    for _ in range(6):
        program.pid = None
        member.check(heard)
        member.again_at = 0
        member.check(heard)

    assert [said.rsplit(" ", 2)[1] for said in heard.said] == ["1", "2", "5", "10", "10", "10"]


def test_a_member_that_ran_for_long_starts_again_almost_at_once() -> None:
    program, heard = Program(), Heard()
    member = program.member()
    member.started_at -= 100
    program.pid = None

    member.check(heard)

    assert heard.said == ["service ended; it starts again in 0.2 s."]


def test_a_start_that_fails_is_told_and_tried_again() -> None:
    program, heard = Program(), Heard()
    member = program.member()
    program.pid, program.broken = None, True
    member.check(heard)
    member.again_at = 0

    assert not member.check(heard)
    assert "could not be started, next try in 10 s: no such file" in heard.said[-1]

    program.broken, member.again_at = False, 0
    assert member.check(heard)
