"""Running a plant: up, down, status, demo."""

import json
import platform
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, ParamSpec

import typer

from takt.errors import StackError, from_os_error
from takt.stack.folder import default_path

app = typer.Typer()
P = ParamSpec("P")
Data = Annotated[Path | None, typer.Option("--data", help="folder that keeps all state of this stack")]
Port = Annotated[int | None, typer.Option(help="port of the gateway; 8080 or a free one", min=1, max=65535)]
Brokers = Annotated[int | None, typer.Option(help="Kafka brokers; fixed at the first start", min=1, max=5)]
Split = Annotated[bool, typer.Option("--split", help="API, relay and consumers of each service as own processes")]
Plant = Annotated[
    str | None, typer.Option(help="name of the plant, part of every event's source; fixed at first start")
]


def in_one_sentence(command: Callable[P, None]) -> Callable[P, None]:
    """What stops the stack is said in one sentence, and the exit code is 1."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except StackError as error:
            typer.echo(f"takt: {error}", err=True)
            raise typer.Exit(1) from None
        except OSError as error:
            typer.echo(f"takt: {from_os_error(error, '.')}", err=True)
            raise typer.Exit(1) from None

    return wrapped


@app.command()
@in_one_sentence
def up(
    *,
    data: Data = None,
    port: Port = None,
    brokers: Brokers = None,
    plant: Plant = None,
    split: Split = False,
    detach: Annotated[bool, typer.Option("--detach", help="return when everything runs")] = False,
    test: Annotated[
        bool, typer.Option("--test", help="a stack that `takt chaos` may harm; fixed at first start")
    ] = False,
) -> None:
    """Start broker, database and services; stay until Ctrl-C, or --detach."""
    refuse_platform()
    from takt.stack import detach as background
    from takt.stack import status, supervisor
    from takt.stack.plan import Options
    from takt.stack.report import Console

    options = Options(data or default_path(), port, brokers, plant, split, test=test)
    if detach:
        background.start(options, Console())
        typer.echo(_in_words(status.read(options.data)))
        return
    supervisor.run(options, Console(), lambda stack: typer.echo(_in_words(status.read(options.data))))


@app.command()
@in_one_sentence
def dev(*, data: Data = None, port: Port = None) -> None:
    """Like up, and start the services again whenever a source file is saved."""
    refuse_platform()
    from takt.stack import status, supervisor
    from takt.stack.plan import Options
    from takt.stack.report import Console

    options = Options(data or default_path("dev"), port, plant="dev", reload=True)
    supervisor.run(options, Console(), lambda _: typer.echo(_in_words(status.read(options.data))))


@app.command()
@in_one_sentence
def down(data: Data = None) -> None:
    """Stop a stack in order, or what a killed launcher left of it."""
    from takt.stack import detach

    folder = data or default_path()
    typer.echo(f"Stopped the stack on {folder}." if detach.stop(folder) else f"Nothing runs on {folder}.")


@app.command()
@in_one_sentence
def status(data: Data = None, as_json: Annotated[bool, typer.Option("--json", help="for scripts")] = False) -> None:
    """Where a running stack answers, its processes, and where its password lies."""
    from takt.stack import status as running

    found = running.read(data or default_path())
    typer.echo(json.dumps(found, indent=2) if as_json else _in_words(found))


@app.command()
@in_one_sentence
def rebuild(
    service: Annotated[str, typer.Argument(help="whose read models: gateway")],
    model: Annotated[str | None, typer.Argument(help="one of them; all by default")] = None,
    data: Data = None,
) -> None:
    """Make read models of a running stack again from the log; readers see the old ones until then."""
    from takt import rebuild as rebuilding

    raise typer.Exit(rebuilding.run(data or default_path(), service, model))


@app.command()
@in_one_sentence
def verify(
    data: Data = None,
    retired: Annotated[
        list[str] | None, typer.Option("--retired-key", help="public key in base64url that signed before")
    ] = None,
) -> None:
    """Compute every link of the audit chains anew; exit 1 and the first bad entry where one is not as it was signed."""
    from takt import verify as verifying

    raise typer.Exit(verifying.run(data or default_path(), retired or ()))


@app.command()
@in_one_sentence
def replay(data: Data = None) -> None:
    """Tell all events again to a broker that has lost its log; only into an empty one, while everything goes on."""
    from takt import replay as telling

    raise typer.Exit(telling.run(data or default_path()))


@app.command()
@in_one_sentence
def demo(
    data: Data = None,
    port: Port = None,
    once: Annotated[bool, typer.Option("--once", help="stop when everything was shown")] = False,
) -> None:
    """Start everything, make a small plant through the gateway and show what landed."""
    refuse_platform()
    from takt.demo.run import run
    from takt.stack.report import Console

    run(data or default_path("demo"), port, Console(), once=once)


def refuse_platform(system: str = sys.platform, machine: str = platform.machine()) -> None:
    """Raises StackError where the packages that we run have no binaries."""
    if system != "linux" or machine not in ("x86_64", "aarch64"):
        raise StackError(
            f"Takt's broker and database come for Linux on x86-64 or arm64, not for {system} on {machine}: "
            "use docker compose there."
        )


def _in_words(found: dict[str, object]) -> str:
    names = ("gateway", "operations", "records", "imports", "kafka", "postgres", "data", "credentials", "logs")
    return "\n".join(f"{name:<12}{found[name]}" for name in names)


if __name__ == "__main__":
    app()
