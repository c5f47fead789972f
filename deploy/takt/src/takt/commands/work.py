"""The developer's loop: test, check, lock, the generators and the bench. CI runs the same commands."""

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
    """Run the tests. Without arguments: all but the long ones, with the verdict on coverage."""
    from takt.work import testing

    passed_on = [*(rest or ()), *(["--require-all"] if require_all else [])]
    if long:
        code = testing.long(minutes, passed_on)
    elif fast:
        code = testing.fast(passed_on)
    elif rest:
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
    from takt.work import checks

    raise typer.Exit(checks.run(fix=fix))


@app.command()
def lock(
    upgrade: Annotated[bool, typer.Option("--upgrade", help="let every pin move to the newest that fits")] = False,
) -> None:
    """Write requirements.lock and the pins in pyproject.toml from a fresh resolution. Neither holds an address."""
    from takt.work import locking

    locking.write(upgrade=upgrade)


@app.command(context_settings=_PASS_ON)
def bench(rest: Rest = None) -> None:
    """Measure what we claim, beside the peers: `takt bench commands`, `takt bench relay`."""
    from takt.work.tools import python

    raise typer.Exit(python("-m", "bench", *(rest or ()), group="bench"))
