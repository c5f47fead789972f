"""Files of the user's own: `takt import`."""

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
    from takt.importing.run import Where, run
    from takt.importing.send import Wishes

    wishes = Wishes(template, "plan" if plan else "commit", atomic, on_duplicate)
    where = Where(data or default_path(), url, user)
    raise typer.Exit(run(file, wishes, where, as_json=as_json))


if __name__ == "__main__":
    app()
