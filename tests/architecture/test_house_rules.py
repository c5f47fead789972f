"""The house rules hold, and each is seen to object to what it forbids and to let pass what it allows."""

from pathlib import Path

import pytest

from takt.work.checks import tracked
from takt.work.lints import RULES, offences
from takt.workspace import root

pytestmark = pytest.mark.untraced

SERVICE = "services/operations/src/operations/production/commands.py"
TEST = "services/operations/tests/production/test_api.py"

FORBIDDEN = [
    ("commit", SERVICE, "async def f(tx):\n    await tx.commit()\n", 2),
    ("publish", SERVICE, "async def f(broker):\n    await broker.publish(b'')\n", 2),
    ("publish", SERVICE, "async def f(producer):\n    await producer.send_and_wait('t', b'')\n", 2),
    ("clock", SERVICE, "from datetime import datetime\nnow = datetime.now()\n", 2),
    ("clock", SERVICE, "import datetime\nnow = datetime.datetime.utcnow\n", 2),
    ("clock", SERVICE, "from datetime import date\nday = date.today()\n", 2),
    ("no-cover", TEST, "def f():  # pragma: no " + "cover\n    pass\n", 1),
    ("no-cover", SERVICE, "if x:  # pragma: no " + "branch\n    pass\n", 1),
    ("mock", TEST, "from unittest.mock import patch\n", 1),
    ("mock", TEST, "from unittest import mock\n", 1),
    ("mock", TEST, "import unittest.mock\n", 1),
    ("mock", TEST, "def test(monkeypatch):\n    monkeypatch.setattr('plantkit.clock.now', None)\n", 2),
    ("mock", TEST, "def test(mocker):\n    mocker.delattr('plantkit.clock.now')\n", 2),
    ("broad-except", SERVICE, "try:\n    f()\nexcept Exception:\n    pass\n", 3),
    ("broad-except", SERVICE, "try:\n    f()\nexcept (ValueError, BaseException) as e:\n    raise X from e\n", 3),
    ("broad-except", SERVICE, "try:\n    f()\nexcept:\n    pass\n", 3),
    ("type-ignore", TEST, "x = f()  # type: " + "ignore\n", 1),
    ("type-ignore", SERVICE, "x = f()  # type: " + "ignore[misc]\n", 1),
    ("noqa", SERVICE, "x = f()  # no" + "qa\n", 1),
    ("noqa", TEST, "x = f()  # no" + "qa: S101\n", 1),
]
ALLOWED = [
    ("libs/plantkit/src/plantkit/run.py", "async def f(tx):\n    await tx.commit()\n"),
    ("libs/plantkit/src/plantkit/messaging/relay.py", "async def f(p):\n    await p.send_and_wait('t', b'')\n"),
    ("libs/plantkit/src/plantkit/clock.py", "from datetime import UTC, datetime\nnow = datetime.now(UTC)\n"),
    (TEST, "from datetime import UTC, datetime\nnow = datetime.now(UTC)\n"),
    (TEST, "def test(monkeypatch, clock):\n    monkeypatch.setattr(clock, 'now', None)\n"),
    (SERVICE, "try:\n    f()\nexcept ValueError:\n    pass\n"),
    (SERVICE, "try:\n    f()\nexcept BaseException:\n    g()\n    raise\n"),
    (SERVICE, "x = f()  # type: " + "ignore[misc]  # the library has no types\n"),
    (SERVICE, "x = f()  # no" + "qa: S311 - an order, not a secret\n"),
    (SERVICE, '"""Never write # type: ignore, and never commit()."""\n'),
]


def test_the_workspace_keeps_the_house_rules():
    assert list(offences(root(), tracked())) == []


def test_each_rule_has_an_offence_that_proves_it():
    assert {rule for rule, *_ in FORBIDDEN} == {rule.name for rule in RULES}


@pytest.mark.parametrize(("rule", "path", "source", "line"), FORBIDDEN, ids=range(len(FORBIDDEN)))
def test_what_is_forbidden_is_named_with_its_place(tmp_path, rule, path, source, line):
    found = list(offences(_written(tmp_path, path, source), [path]))

    assert [offence.split(": ")[:2] for offence in found] == [[f"{path}:{line}", rule]]


@pytest.mark.parametrize(("path", "source"), ALLOWED, ids=range(len(ALLOWED)))
def test_what_is_allowed_passes(tmp_path, path, source):
    assert list(offences(_written(tmp_path, path, source), [path])) == []


def _written(folder: Path, name: str, source: str) -> Path:
    (folder / name).parent.mkdir(parents=True)
    (folder / name).write_text(source)
    return folder
