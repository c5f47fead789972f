"""Settings are validated before anything starts; what is wrong is named."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex, token_urlsafe

import pytest

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


def load(**environment: str) -> subprocess.CompletedProcess[str]:
    """Load the settings of a service in a process whose environment is only this."""
    program = "from records.settings import Settings; s = Settings.load(); print(s.plant, sorted(s.loops))"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TAKT_")}
    return subprocess.run(
        [sys.executable, "-c", program], env={**kept, **environment}, capture_output=True, text=True, check=False
    )


def test_good_settings_load() -> None:
    loaded = load(**GOOD)

    assert (loaded.returncode, loaded.stderr) == (0, "")
    assert loaded.stdout.startswith("north")


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
def test_production_refuses_a_bad_value_and_names_it(name: str, value: str | None, said: str) -> None:
    environment = dict(GOOD)
    environment.pop(f"TAKT_RECORDS_{name}", None)
    if value is not None:
        environment[f"TAKT_RECORDS_{name}"] = value

    loaded = load(**environment)

    assert loaded.returncode == 2
    assert f"TAKT_RECORDS_{name} " in loaded.stderr
    assert said in loaded.stderr
    assert value is None or value not in loaded.stderr, "a secret is never printed"


def test_production_refuses_a_crash_point() -> None:
    loaded = load(**GOOD, TAKT_CRASH_POINT="relay.after_select:1")

    assert loaded.returncode == 2
    assert "TAKT_CRASH_POINT" in loaded.stderr


def test_the_embedded_mode_takes_a_crash_point() -> None:
    environment = {**GOOD, "TAKT_RECORDS_MODE": "embedded", "TAKT_CRASH_POINT": "relay.after_select:1"}

    assert load(**environment).returncode == 0


def test_each_setting_may_come_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "cursor"
    secret.write_text(token_hex(16) + "\n")
    environment = dict(GOOD)
    del environment["TAKT_RECORDS_CURSOR_SECRET"]

    assert load(**environment, TAKT_RECORDS_CURSOR_SECRET_FILE=str(secret)).returncode == 0


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    environment = dict(GOOD)
    del environment["TAKT_RECORDS_CURSOR_SECRET"]

    loaded = load(**environment, TAKT_RECORDS_CURSOR_SECRET_FILE=str(tmp_path / "absent"))

    assert loaded.returncode == 2
    assert "absent" in loaded.stderr


def test_loops_are_read_from_a_list() -> None:
    assert "relay" in load(**GOOD, TAKT_RECORDS_LOOPS="relay").stdout
