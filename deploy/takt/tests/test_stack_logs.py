from pathlib import Path

from takt.stack.logs import KEPT, rotate


def test_a_full_log_is_moved_on_and_the_writer_keeps_writing(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    with log.open("a") as writer:
        writer.write("old")
        writer.flush()
        rotate([log], limit=3)
        writer.write("new")

    assert log.read_text() == "new"
    assert (tmp_path / "a.log.1").read_text() == "old"


def test_a_small_log_stays(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("12")

    rotate([log, tmp_path / "absent.log"], limit=3)

    assert [path.name for path in tmp_path.iterdir()] == ["a.log"]


def test_five_files_are_kept_the_oldest_goes(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    for number in range(8):
        log.write_text(f"{number}")
        rotate([log], limit=1)

    assert len(list(tmp_path.iterdir())) == KEPT
    assert [(tmp_path / f"a.log.{n}").read_text() for n in range(1, KEPT)] == ["7", "6", "5", "4"]
