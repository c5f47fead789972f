"""The demo from the first byte fetched to the last line printed."""

import asyncio
import sysconfig
from pathlib import Path

from plantkit.db.provision import SERVICES
from takt.demo import judge, landed, morning, show
from takt.demo.load import load
from takt.demo.plant import PLANT
from takt.embedded.artifacts import locked, missing
from takt.stack import status, supervisor
from takt.stack.folder import DataFolder
from takt.stack.plan import Options
from takt.stack.report import Report
from takt.terminal import console


def run(data: Path, port: int | None, report: Report, *, once: bool) -> None:
    """Start or join the stack on `data`, load the plant, show it; stay up unless `once`."""
    _say_what_is_fetched(report)
    if DataFolder(data).is_locked:
        report.say(f"A stack already runs on {data}: the plant is loaded into that one.")
        tell(data, report, stays_up=True)
        return
    supervisor.run(Options(data, port, plant=PLANT), report, lambda _: _told(data, report, once=once))


def tell(data: Path, report: Report, *, stays_up: bool) -> None:
    """Load what is missing and print what landed."""
    running, folder = status.read(data), DataFolder(data)
    report.say("Signing in and making a small plant through the gateway.")
    out, gateway = console(), running["gateway"]
    loaded = load(gateway, folder)
    file = morning.workbook()
    report.say(f"Importing {file.name}, as a planner does it every morning.")
    told = morning.imported(gateway, folder, file, console(errors=True))
    url = running["postgres"].replace("//", f"//postgres:{folder.secret('postgres')}@")
    found = asyncio.run(landed.look(url, running["kafka"], SERVICES))
    verdict = asyncio.run(judge.agree(judge.read(file), told, postgres=url, kafka=running["kafka"]))
    show.landed(out, loaded, found)
    show.imported(out, told, verdict)
    show.card(out, morning.card(gateway, folder, verdict.order_no))
    show.ending(out, running, stays_up=stays_up)


def _told(data: Path, report: Report, *, once: bool) -> None:
    tell(data, report, stays_up=not once)
    if once:
        raise supervisor.StopAsked
    report.say("\nIt stays up until Ctrl-C.")


def _say_what_is_fetched(report: Report) -> None:
    installed = sum(path.stat().st_size for path in Path(sysconfig.get_path("purelib")).rglob("*") if path.is_file())
    report.say(
        f"Python packages, Java and PostgreSQL included, are installed already: {installed / 1e6:.0f} MB on disk."
    )
    if not missing(locked("kafka")):
        report.say("Kafka is in the cache: nothing has to be fetched.")
