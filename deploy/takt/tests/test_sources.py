import os
from pathlib import Path

from takt.stack.sources import Sources


def later(sources: Sources) -> bool:
    sources._looked_at -= 10
    return sources.changed()


def test_a_saved_file_is_noticed_once(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("")
    sources = Sources([tmp_path])

    assert not later(sources)
    os.utime(module, (1, 1))
    assert later(sources)
    assert not later(sources)


def test_new_and_removed_files_are_noticed_and_others_are_not(tmp_path: Path) -> None:
    sources = Sources([tmp_path])

    (tmp_path / "notes.txt").write_text("")
    assert not later(sources)
    (tmp_path / "new.py").write_text("")
    assert later(sources)
    (tmp_path / "new.py").unlink()
    assert later(sources)


def test_it_looks_at_most_once_a_second(tmp_path: Path) -> None:
    sources = Sources([tmp_path])
    (tmp_path / "new.py").write_text("")

    assert not sources.changed()


def test_the_workspace_has_sources() -> None:
    assert not Sources.of_workspace().changed()
