"""Every command in one list: what runs a plant (`stack`), what feeds it (`files`) and what builds it (`work`)."""

import typer

from takt.commands import files, stack, work

app = typer.Typer(
    name="takt",
    help="Takt, the event backbone of a plant.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
app.add_typer(stack.app)
app.add_typer(files.app)
app.add_typer(work.app)
