"""Settings are validated before anything starts; what is wrong is named."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex, token_urlsafe
from typing import NamedTuple

import pytest

from plantkit.settings import Loop
from records.settings import Settings

GOOD: Mapping[str, str] = {
    "TAKT_RECORDS_MODE": "production",
    "TAKT_RECORDS_PLANT": "north",
    "TAKT_RECORDS_PORT": "8001",
    "TAKT_RECORDS_DATABASE_URL": f"postgresql://records_app:{token_hex(16)}@127.0.0.1:5432/takt",
    "TAKT_RECORDS_KAFKA_BOOTSTRAP": "127.0.0.1:9092",
    "TAKT_RECORDS_JWKS_URL": "http://127.0.0.1:8000/.well-known/jwks.json",
    "TAKT_RECORDS_CURSOR_SECRET": token_hex(16),
    "TAKT_RECORDS_CONSISTENCY_SECRET": token_hex(16),
    "TAKT_RECORDS_AUDIT_KEY": token_urlsafe(32),
}


class Loaded(NamedTuple):
    """How a start with these settings went."""

    code: object
    stderr: str
    settings: Settings | None = None


class Load:
    """Loads the settings of a service where the environment has only what is given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, **environment: str) -> Loaded:
        with self._monkeypatch.context() as changed:
            for name in [name for name in os.environ if name.startswith("TAKT_")]:
                changed.delenv(name)
            for name, value in environment.items():
                changed.setenv(name, value)
            try:
                return Loaded(0, "", Settings.load())
            except SystemExit as ended:
                return Loaded(ended.code, self._capsys.readouterr().err)


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Load:
    return Load(monkeypatch, capsys)


@pytest.mark.parametrize(("mode", "code", "said"), [("production", 0, "north\n"), ("debug", 2, "")])
def test_a_process_starts_with_good_settings_and_ends_with_bad_ones(mode: str, code: int, said: str) -> None:
    program = "from records.settings import Settings; print(Settings.load().plant)"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TAKT_")}
    given = {**kept, **GOOD, "TAKT_RECORDS_MODE": mode}
    ended = subprocess.run([sys.executable, "-c", program], env=given, capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stdout) == (code, said)
    assert ("TAKT_RECORDS_MODE " in ended.stderr) == bool(code)


def test_good_settings_load(load: Load) -> None:
    loaded = load(**GOOD)

    assert (loaded.code, loaded.stderr) == (0, "")
    assert loaded.settings is not None
    assert loaded.settings.plant == "north"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CURSOR_SECRET", None, "is missing"),
        ("CURSOR_SECRET", "short", "is weak"),
        ("CURSOR_SECRET", "a" * 40, "is weak"),
        ("CURSOR_SECRET", "changeme-0123456789-0123456789-abcdef", "is a default value"),
        ("DATABASE_URL", None, "is missing"),
        ("DATABASE_URL", "postgresql://records_app:takt@127.0.0.1:5432/takt", "is weak"),
        ("DATABASE_URL", "not a url", "is not a database URL"),
        ("KAFKA_BOOTSTRAP", "nowhere", "should match"),
        ("DB_POOL_SIZE", "0", "greater than or equal to 1"),
        ("LOOPS", "api,tea", "'api', 'relay', 'consumers' or 'worker'"),
        ("MODE", "debug", "'embedded' or 'production'"),
    ],
)
def test_production_refuses_a_bad_value_and_names_it(load: Load, name: str, value: str | None, said: str) -> None:
    environment = dict(GOOD)
    environment.pop(f"TAKT_RECORDS_{name}", None)
    if value is not None:
        environment[f"TAKT_RECORDS_{name}"] = value

    loaded = load(**environment)

    assert loaded.code == 2
    assert f"TAKT_RECORDS_{name} " in loaded.stderr
    assert said in loaded.stderr
    assert value is None or value not in loaded.stderr, "a secret is never printed"


def test_production_refuses_a_crash_point(load: Load) -> None:
    loaded = load(**GOOD, TAKT_CRASH_POINT="relay.after_select:1")

    assert loaded.code == 2
    assert "TAKT_CRASH_POINT" in loaded.stderr


def test_the_embedded_mode_takes_a_crash_point(load: Load) -> None:
    environment = {**GOOD, "TAKT_RECORDS_MODE": "embedded", "TAKT_CRASH_POINT": "relay.after_select:1"}

    assert load(**environment).code == 0


def test_each_setting_may_come_from_a_file(load: Load, tmp_path: Path) -> None:
    secret = tmp_path / "cursor"
    secret.write_text(token_hex(16) + "\n")
    environment = dict(GOOD)
    del environment["TAKT_RECORDS_CURSOR_SECRET"]

    assert load(**environment, TAKT_RECORDS_CURSOR_SECRET_FILE=str(secret)).code == 0


def test_a_file_that_is_not_there_is_named(load: Load, tmp_path: Path) -> None:
    environment = dict(GOOD)
    del environment["TAKT_RECORDS_CURSOR_SECRET"]

    loaded = load(**environment, TAKT_RECORDS_CURSOR_SECRET_FILE=str(tmp_path / "absent"))

    assert loaded.code == 2
    assert "absent" in loaded.stderr


def test_loops_are_read_from_a_list(load: Load) -> None:
    loaded = load(**GOOD, TAKT_RECORDS_LOOPS="relay").settings

    assert loaded is not None
    assert loaded.loops == {Loop.RELAY}
