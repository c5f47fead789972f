import json
import stat
from pathlib import Path

import pytest

from takt.errors import StackError
from takt.stack.folder import DataFolder, Remembered, default_path
from takt.stack.plan import refuse_production


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    made = DataFolder(tmp_path / "data")
    made.make()
    return made


def test_secrets_are_random_kept_and_readable_by_their_owner_only(folder: DataFolder) -> None:
    first, second = folder.secret("one"), folder.secret("two")

    assert first != second
    assert DataFolder(folder.path).secret("one") == first
    assert len(first) >= 32
    assert stat.S_IMODE((folder.secrets / "one").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.secrets.stat().st_mode) == 0o700


def test_credentials_are_written_once(folder: DataFolder) -> None:
    folder.write_credentials("admin", "first")
    folder.write_credentials("admin", "second")

    assert json.loads(folder.credentials.read_text()) == {"username": "admin", "password": "first"}
    assert stat.S_IMODE(folder.credentials.stat().st_mode) == 0o600


def test_one_folder_has_one_launcher(folder: DataFolder) -> None:
    folder.lock()

    assert folder.is_locked
    with pytest.raises(StackError, match="already runs"):
        DataFolder(folder.path).lock()


def test_what_the_first_start_chose_is_kept(folder: DataFolder) -> None:
    folder.remember(Remembered("north", 3, {"gateway": 8080}))

    assert folder.remembered(None, None) == Remembered("north", 3, {"gateway": 8080})
    with pytest.raises(StackError, match="--brokers 3"):
        folder.remembered(None, 1)
    with pytest.raises(StackError, match="plant north"):
        folder.remembered("south", None)


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StackError, match="The system refused"):
        DataFolder(tmp_path / "file" / "data").make()


def test_the_default_folder_follows_the_user_s_data_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_path() == tmp_path / "takt" / "plant"


def test_a_test_stack_is_one_from_its_first_start_and_no_real_folder_becomes_one(folder: DataFolder) -> None:
    made = folder.remembered(None, None, test=True)
    folder.remember(made)

    assert folder.remembered(None, None).test
    folder.remember(Remembered("north", 1))
    with pytest.raises(StackError, match="not made for tests"):
        folder.remembered(None, None, test=True)


def test_a_test_stack_is_never_in_production_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAKT_RECORDS_MODE", "production")

    refuse_production(Remembered("north", 1))
    with pytest.raises(StackError, match="records cannot run in production"):
        refuse_production(Remembered("north", 1, test=True))
