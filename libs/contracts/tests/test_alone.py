"""Anyone who reads or writes events needs this package and pydantic, nothing else."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LOOK = """
import importlib, json, pkgutil
from importlib.metadata import distributions, requires
import takt_contracts

names = [found.name for found in pkgutil.walk_packages(takt_contracts.__path__, "takt_contracts.")]
for name in names:
    importlib.import_module(name)
print(json.dumps({
    "modules": names,
    "from": takt_contracts.__file__,
    "installed": sorted(found.metadata["Name"] for found in distributions()),
    "needs": requires("takt-contracts"),
    "pydantic": [line for line in requires("pydantic") if "extra ==" not in line],
}))
"""


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The built package in a venv of its own."""
    place = tmp_path_factory.mktemp("alone")
    python = place / "venv" / "bin" / "python"
    _uv("build", "--quiet", "--wheel", "--package", "takt-contracts", "--out-dir", str(place / "dist"))
    _uv("venv", "--quiet", "--python", sys.executable, str(place / "venv"))
    _uv("pip", "install", "--quiet", "--python", str(python), *map(str, (place / "dist").glob("*.whl")))
    looked = subprocess.run([python, "-I", "-W", "error", "-c", LOOK], capture_output=True, text=True, check=False)
    assert looked.returncode == 0, looked.stderr
    return json.loads(looked.stdout)


def _uv(*arguments: str) -> None:
    subprocess.run([os.environ.get("UV", "uv"), *arguments], cwd=ROOT, check=True, capture_output=True)


def test_every_module_can_be_imported(alone):
    assert {"takt_contracts.envelope", "takt_contracts.asyncapi", "takt_contracts.operations.production"} <= {
        *alone["modules"]
    }
    assert "site-packages" in alone["from"]


def test_nothing_but_pydantic_and_what_it_needs_is_installed(alone):
    assert names(alone["needs"]) == {"pydantic"}
    assert names(alone["installed"]) == {"takt-contracts", "pydantic"} | names(alone["pydantic"])


def names(requirements):
    """As they are compared: without versions, one spelling."""
    return {re.split(r"[^A-Za-z0-9_-]", line, maxsplit=1)[0].replace("_", "-").lower() for line in requirements}
