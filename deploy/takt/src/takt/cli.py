"""Every command in one list: what runs a plant (`takt.commands.stack`) and what builds it (`takt.commands.work`)."""

import typer

from takt.commands import stack, work

app = typer.Typer(
    name="takt",
    help="Takt, the event backbone of a plant.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
app.add_typer(stack.app)
app.add_typer(work.app)
