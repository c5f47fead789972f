"""A process with one service whose commands are run by other parts than the product's, handed in by constructor."""

from dataclasses import replace

from operations.app import SERVICE
from plantkit.serve import serve
from tests.faults.harness.messaging_process import named


def run(commands: str) -> None:
    """Until SIGTERM. `commands` names strategies as `module:NAME`."""
    serve(replace(SERVICE, commands=named(commands)), SERVICE.settings.load())
