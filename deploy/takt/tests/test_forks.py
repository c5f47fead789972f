"""Forking is only safe while there is one thread and no loop: shown here, with every service imported."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from plantkit.db.provision import SERVICES
from takt.errors import StackError
from takt.stack.children import Children
from takt.stack.forks import Order, refuse_unsafe_fork

SLEEP = "import time; time.sleep(60)"


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., Children]]:
    started: list[Children] = []

    def one(*modules: str) -> Children:
        children = Children(modules, tmp_path / "parent.log")
        children.spawn()
        started.append(children)
        children.wait_ready()
        return children

    yield one
    for children in started:
        children.close()


@pytest.fixture
def order(tmp_path: Path) -> Callable[..., Order]:
    """An order to run a script."""

    def one(name: str, script: str, environment: dict[str, str] | None = None) -> Order:
        path = tmp_path / f"{name}.py"
        path.write_text(script)
        return Order(name, "runpy:run_path", str(tmp_path / f"{name}.log"), {"path_name": str(path)}, environment or {})

    return one


def ended(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while psutil.pid_exists(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not psutil.pid_exists(pid)


def test_nothing_has_started_a_thread_when_every_service_is_imported(launch: Callable[..., Children]) -> None:
    children = launch("takt.stack.jobs", "plantkit.serve", *(f"{service}.app" for service in SERVICES))

    assert len(list(Path(f"/proc/{children.pid}/task").iterdir())) == 1


def test_a_fork_beside_a_thread_is_refused() -> None:
    done = threading.Event()
    beside = threading.Thread(target=done.wait)
    beside.start()
    try:
        with pytest.raises(RuntimeError, match="threads run before the fork"):
            refuse_unsafe_fork()
    finally:
        done.set()
        beside.join()


def test_a_child_gets_its_own_settings_log_and_session(
    launch: Callable[..., Children], order: Callable[..., Order], tmp_path: Path
) -> None:
    children = launch()
    script = "import os; print(os.environ['TAKT_SAMPLE'], os.getsid(0) == os.getpid())"

    children.start(order("one", script, {"TAKT_SAMPLE": "1"}))
    children.start(order("two", script, {"TAKT_SAMPLE": "2"}))
    children.finish("one", "two", logs=tmp_path)

    assert [(tmp_path / f"{name}.log").read_text() for name in ("one", "two")] == ["1 True\n", "2 True\n"]


def test_a_job_that_fails_says_its_last_line(
    launch: Callable[..., Children], order: Callable[..., Order], tmp_path: Path
) -> None:
    children = launch()
    children.start(order("job", "raise SystemExit('the schema is newer than this release')"))

    with pytest.raises(StackError, match="job failed: the schema is newer than this release"):
        children.finish("job", logs=tmp_path)


def test_the_end_of_a_child_is_noticed_and_it_can_be_started_again(
    launch: Callable[..., Children], order: Callable[..., Order]
) -> None:
    children = launch()
    first = children.start(order("service", SLEEP))
    os.kill(first, signal.SIGKILL)

    assert ended(first)
    children.pump(1)
    assert (children.pid_of("service"), children.code_of("service")) == (None, -signal.SIGKILL)
    assert children.start(order("service", SLEEP)) == children.pid_of("service") != first


def test_no_child_outlives_its_parent(launch: Callable[..., Children], order: Callable[..., Order]) -> None:
    children = launch()
    pid = children.start(order("service", SLEEP))

    os.kill(children.pid, signal.SIGKILL)

    assert ended(pid)
    assert not children.is_alive
    children.pump(1)
    assert children.pid_of("service") is None


def test_a_child_that_does_not_stop_is_killed(launch: Callable[..., Children], order: Callable[..., Order]) -> None:
    children = launch()
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    made = order("deaf", deaf)
    pid = children.start(made)
    while not Path(made.log).exists() or "deaf" not in Path(made.log).read_text():
        time.sleep(0.02)

    children.stop(patience_s=0.2)

    assert ended(pid)


def test_a_module_that_cannot_be_imported_is_named(tmp_path: Path) -> None:
    children = Children(["takt.no_such_module"], tmp_path / "parent.log")
    children.spawn()

    with pytest.raises(StackError, match="no_such_module"):
        children.wait_ready()
    children.close()
