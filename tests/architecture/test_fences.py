"""Every import contract is kept, and each one is seen to object when it is broken on purpose."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from takt.workspace import root
from tests.architecture.copies import environment

CONTRACTS = tomllib.loads((root() / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]

# Contract -> file, and the import that it forbids there. The file is made where there is none.
BREAKS = {
    "layers": ("libs/plantkit/src/plantkit/clock.py", "import operations.app"),
    "contracts": ("libs/contracts/src/takt_contracts/scalars.py", "import sqlalchemy"),
    "rules": ("services/operations/src/operations/production/rules.py", "import sqlalchemy"),
    "errors": ("libs/plantkit/src/plantkit/errors.py", "import fastapi"),
    "log-client": ("services/operations/src/operations/production/commands.py", "import aiokafka"),
    "test-tools": ("services/gateway/src/gateway/settings.py", "import pytest"),
    "guard": ("deploy/takt/src/takt/locks.py", "import typer"),
    "slices": ("services/operations/src/operations/production/model.py", "import operations.production.routes"),
    "gateway": ("services/gateway/src/gateway/stream/rules.py", "import gateway.identity.model"),
    "operations": ("services/operations/src/operations/work_orders/model.py", "import operations.production.rules"),
    "records": ("services/records/src/records/versions/commands.py", "import records.record_types.rules"),
    "spreadsheet": ("services/imports/src/imports/spreadsheet/rows.py", "import plantkit.errors"),
    "parser-child": ("services/imports/src/imports/spreadsheet/frames.py", "import pydantic"),
    "imports": ("services/imports/src/imports/jobs/commands.py", "import imports.templates.views"),
}


def lint(workspace: Path, *contracts: str) -> subprocess.CompletedProcess[str]:
    env = environment(workspace)
    command = [sys.executable, "-m", "takt.work.fences", *contracts]
    return subprocess.run(command, cwd=workspace, env=env, capture_output=True, text=True, check=False)


def test_each_contract_has_a_break_that_proves_it():
    assert BREAKS.keys() == {contract["id"] for contract in CONTRACTS}


def test_the_untouched_workspace_keeps_them_all(copy):
    done = lint(copy)

    assert done.returncode == 0, done.stdout
    assert f"{len(CONTRACTS)} kept, 0 broken" in done.stdout


@pytest.mark.parametrize("contract", sorted(BREAKS))
def test_a_forbidden_import_is_objected_to(copy, contract):
    name, forbidden = BREAKS[contract]
    with (copy / name).open("a") as file:
        file.write(f"\n{forbidden}\n")

    done = lint(copy, contract)

    assert done.returncode == 1, done.stdout
    assert "0 kept, 1 broken" in done.stdout
    assert forbidden.removeprefix("import ").split(".")[0] in done.stdout
