"""The files for containers, held against the settings that the services really have."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from joserfc.jwk import OKPKey

from plantkit.db.provision import SERVICES
from takt.errors import StackError
from takt.stack import deploy_secrets
from takt.workspace import root

COMPOSE: dict[str, Any] = yaml.safe_load((root() / "docker-compose.yml").read_text())
HADOLINT = Path(sys.executable).parent / "hadolint"
DOCKERFILE = (root() / "Dockerfile").read_text()


def settings_of(service: str) -> Any:
    return import_module(f"{service}.settings").Settings


def environment_of(service: str) -> Any:
    return COMPOSE["services"][service]["environment"]


@pytest.mark.parametrize("service", SERVICES)
def test_every_variable_is_a_setting_and_every_needed_setting_is_given(service):
    fields = settings_of(service).model_fields
    given = {
        name.removeprefix(f"TAKT_{service.upper()}_").removesuffix("_FILE").lower() for name in environment_of(service)
    }

    assert given <= fields.keys()
    assert {name for name, field in fields.items() if field.is_required()} <= given


@pytest.mark.parametrize("service", SERVICES)
def test_secrets_come_as_files_only(service):
    for name in environment_of(service):
        field = name.removeprefix(f"TAKT_{service.upper()}_").lower()
        assert "Secret" not in str(settings_of(service).model_fields.get(field, "")), f"{name} holds a secret"
    assert not re.search(r"postgres(ql)?://", (root() / "docker-compose.yml").read_text())


@pytest.mark.parametrize("service", SERVICES)
def test_the_settings_load_from_what_takt_secrets_writes(service, tmp_path, monkeypatch):
    deploy_secrets.write(tmp_path / "secrets")
    for name, value in environment_of(service).items():
        mounted = str(value).replace("/run/secrets", str(tmp_path / "secrets"))
        monkeypatch.setenv(name, mounted.replace("${TAKT_PLANT:-plant-1}", "plant-1"))

    loaded = settings_of(service)()

    assert (loaded.mode, loaded.plant, loaded.port) == ("production", "plant-1", 8000)
    assert loaded.database_url.get_secret_value().startswith(f"postgresql://{service}_app:")


def test_secrets_are_never_written_twice(tmp_path):
    written = deploy_secrets.write(tmp_path)

    assert {path.name for path in written} == COMPOSE["secrets"].keys()
    assert len({path.read_text() for path in written}) == len(written)
    assert OKPKey.import_key(json.loads((tmp_path / "gateway_signing_key").read_text())).is_private
    with pytest.raises(StackError, match="already holds secrets"):
        deploy_secrets.write(tmp_path)


def test_each_service_uses_the_secrets_it_names_and_no_others():
    for name, service in COMPOSE["services"].items():
        named = set(re.findall(r"/run/secrets/(\w+)", str(service)))
        if name != "roles":  # puts the names together in its loop
            assert named == set(service.get("secrets", ())), name
        assert set(service.get("secrets", ())) <= COMPOSE["secrets"].keys()


def test_nothing_starts_before_what_it_needs():
    services = COMPOSE["services"]
    for name, service in services.items():
        for needed, how in service.get("depends_on", {}).items():
            ends = how["condition"] == "service_completed_successfully"
            assert needed in services
            assert ends or "healthcheck" in services[needed], f"{name} waits for the health of {needed}"
    for service in SERVICES:
        assert {f"migrate-{service}", "topics"} <= services[service]["depends_on"].keys()


def test_only_the_gateway_is_open_and_only_to_this_machine():
    opened = {name: service["ports"] for name, service in COMPOSE["services"].items() if "ports" in service}

    assert opened == {"gateway": ["127.0.0.1:${TAKT_PORT:-8080}:8000"]}


def test_the_commands_are_modules_that_exist():
    for name, service in COMPOSE["services"].items():
        if "build" in service:
            module = service["command"][0]
            assert any(_sources(module)), f"{name} runs {module}"


def _sources(module: str) -> Iterator[Path]:
    inside = Path(*module.split("."))
    for source in root().glob("*/*/src"):
        yield from (p for p in (source / inside.with_suffix(".py"), source / inside / "__main__.py") if p.is_file())


def test_the_image_is_linted():
    done = subprocess.run([HADOLINT, root() / "Dockerfile"], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_runs_without_rights_and_without_what_builds_it():
    build, final = DOCKERFILE.split("\nFROM ")[1:]

    assert "USER 10001" in final
    assert "COPY --from=build" in final
    assert "pip" not in final
    assert "takt.locks" in build, "the build holds what it installed against the lock"


def test_foreign_programs_of_the_tests_are_installed_by_ci():
    lines = (root() / "deploy" / "ci-packages.txt").read_text().splitlines()
    listed = [line.split("#")[0].split() for line in lines]
    brought = {program for words in listed if words for program in (words[1:] or words)}
    needed = set()
    for path in root().glob("*/**/test_*.py"):
        if path.name != "test_programs.py" and ".venv" not in path.parts:
            needed |= set(re.findall(r"""needs\(["']([\w.-]+)["']""", path.read_text()))

    assert needed <= brought
