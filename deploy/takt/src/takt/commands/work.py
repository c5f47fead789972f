"""The developer's loop: test, check, lock, the generators and the bench. CI runs the same commands."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()

Rest = Annotated[list[str] | None, typer.Argument(help="passed on to the tool")]
_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


@app.command("test", context_settings=_PASS_ON)
def run_tests(
    rest: Rest = None,
    fast: Annotated[bool, typer.Option("--fast", help="pure tests only: no database, no broker")] = False,
    long: Annotated[bool, typer.Option("--long", help="long tests only, within --minutes")] = False,
    minutes: Annotated[float, typer.Option(help="budget of --long")] = 20,
    require_all: Annotated[bool, typer.Option("--require-all", help="an absent foreign program fails")] = False,
) -> None:
    """Run the tests. Nothing picked: all but the long ones, with the verdict on coverage."""
    from takt.work import testing

    passed_on = [*(rest or ()), *(["--require-all"] if require_all else [])]
    if long:
        code = testing.long(minutes, passed_on)
    elif fast:
        code = testing.fast(passed_on)
    elif testing.selects(passed_on):
        code = testing.some(passed_on)
    else:
        code = testing.everything(passed_on)
    raise typer.Exit(code)


@app.command()
def check(
    fix: Annotated[
        bool, typer.Option("--fix", help="format, and regenerate what is generated, instead of refusing")
    ] = False,
) -> None:
    """Format, lint, types, fences, house rules, generated files, migrations, locks: what CI runs."""
    from takt.work.tools import python

    raise typer.Exit(python("-m", "takt.work.checks", *(["--fix"] if fix else [])))


@app.command()
def lock(
    upgrade: Annotated[bool, typer.Option("--upgrade", help="let every pin move to the newest that fits")] = False,
) -> None:
    """Write requirements.lock and the pins in pyproject.toml from a fresh resolution. Neither holds an address."""
    from takt.work import locking

    locking.write(upgrade=upgrade)


@app.command()
def contracts() -> None:
    """Generate schemas, AsyncAPI and topics from the contracts."""
    from takt.work.tools import python

    raise typer.Exit(python("-m", "takt_contracts.generate"))


@app.command()
def docs() -> None:
    """Write docs/errors.md, settings.md and transitions.md from the classes, database.md from the migrated database."""
    from takt.work import checks

    for page in checks.write_pages():
        typer.echo(page)


@app.command()
def migration(
    service: Annotated[str, typer.Argument(help="operations, records, imports or gateway")],
    subject: Annotated[str, typer.Argument(help='what it does: "add terminals"')],
) -> None:
    """Write a migration with what the classes describe and the schema lacks. Read it before you commit it."""
    from takt.work import migrations

    typer.echo(migrations.write(service, subject))


@app.command("new-resource")
def new_resource(
    service: Annotated[str, typer.Argument(help="the service that owns it: operations")],
    name: Annotated[str, typer.Argument(help="one of them, in lower case: terminal")],
) -> None:
    """Write the files of another catalog resource: contract, table, test, migration, and its line in RESOURCES."""
    from takt.work import new_resource as making

    for path in making.write(service, name):
        typer.echo(path)


@app.command()
def secrets(
    folder: Annotated[Path, typer.Argument(help="where docker-compose.yml looks for them: deploy/secrets")],
) -> None:
    """Make the random passwords and keys of a deployment in containers."""
    from takt.stack import deploy_secrets

    written = deploy_secrets.write(folder)
    typer.echo(f"{len(written)} secrets in {folder}; the first sign-in's password is in gateway_admin_password")


@app.command()
def chaos(
    *,
    seed: Annotated[int, typer.Option(help="the same seed, the same faults")] = 1,
    minutes: Annotated[float, typer.Option(help="of load; draining and judging come after")] = 2.0,
    data: Annotated[Path | None, typer.Option(help="a running stack, started with `takt up --test`")] = None,
) -> None:
    """Put faults into a test stack, from a seed, and judge. Without --data the stack is one of its own."""
    from takt.work.tools import python

    chosen = [] if data is None else ["--data", str(data.absolute())]
    raise typer.Exit(python("-m", "tests.faults.chaos", "--seed", str(seed), "--minutes", str(minutes), *chosen))


@app.command(context_settings=_PASS_ON)
def bench(rest: Rest = None) -> None:
    """Measure what we claim, beside the peers: `takt bench commands|consume|imports|relay|visible`."""
    from takt.work.tools import python

    raise typer.Exit(python("-m", "bench", *(rest or ()), group="bench"))
