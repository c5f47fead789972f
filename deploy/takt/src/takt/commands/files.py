"""What a person feeds and mends by hand: `takt import`, `takt redrive`."""

from pathlib import Path
from typing import Annotated

import typer

from takt.stack.folder import default_path

app = typer.Typer()


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="XLSX or CSV")],
    *,
    template: Annotated[str | None, typer.Option(help="what the rows are: items, operations ...")] = None,
    data: Annotated[Path | None, typer.Option("--data", help="folder of the stack that takes it")] = None,
    url: Annotated[str | None, typer.Option(help="or the address of its gateway")] = None,
    user: Annotated[str | None, typer.Option(help="who signs in; the password is asked for, or TAKT_PASSWORD")] = None,
    plan: Annotated[bool, typer.Option("--plan", help="find out what would happen, and stop there")] = False,
    atomic: Annotated[bool, typer.Option("--atomic", help="all rows or none")] = False,
    on_duplicate: Annotated[str, typer.Option(help="what there is already: update, skip or refuse")] = "update",
    as_json: Annotated[bool, typer.Option("--json", help="the import and its rejected rows, for scripts")] = False,
) -> None:
    """Import a file and watch it land. Exit code 0: every row did; 1: some did not; 2: the import never began."""
    from takt.door import Where
    from takt.importing.run import run
    from takt.importing.send import Wishes

    wishes = Wishes(template, "plan" if plan else "commit", atomic, on_duplicate)
    where = Where(data or default_path(), url, user)
    raise typer.Exit(run(file, wishes, where, as_json=as_json))


@app.command()
def redrive(
    ids: Annotated[list[str] | None, typer.Argument(help="records by id, as --list shows them")] = None,
    *,
    service: Annotated[str | None, typer.Option(help="all that is parked in this service")] = None,
    group: Annotated[str | None, typer.Option(help="... of this consumer group")] = None,
    topic: Annotated[str | None, typer.Option(help="... from this topic")] = None,
    key: Annotated[str | None, typer.Option(help="... under this key")] = None,
    reason: Annotated[str | None, typer.Option(help="... for this reason, such as event.not-json")] = None,
    everything: Annotated[bool, typer.Option("--all", help="all that is parked anywhere")] = False,
    only_list: Annotated[bool, typer.Option("--list", help="show what lies aside, and change nothing")] = False,
    discard: Annotated[str | None, typer.Option(metavar="WHY", help="give this one record up for good")] = None,
    data: Annotated[Path | None, typer.Option("--data", help="folder of the stack")] = None,
    url: Annotated[str | None, typer.Option(help="or the address of its gateway")] = None,
    user: Annotated[str | None, typer.Option(help="who signs in; the password is asked for, or TAKT_PASSWORD")] = None,
) -> None:
    """Try records again that could not be applied, each with all of its key. Exit code 1: refused, nothing changed."""
    from takt.door import Where
    from takt.redriving.run import Wishes, given, run

    by = dict(given(service=service, group=group, topic=topic, key=key, reason_code=reason))
    wishes = Wishes(ids=ids or (), filter=by, everything=everything, only_list=only_list, discard=discard)
    raise typer.Exit(run(wishes, Where(data or default_path(), url, user)))


if __name__ == "__main__":
    app()
