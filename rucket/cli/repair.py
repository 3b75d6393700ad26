"""``rucket repair``: what an operator decides when something is lost."""

from __future__ import annotations

from typing import Final

import typer

from rucket.cli import repair_accept_index, repair_log

_HELP: Final = """Decide what becomes of a data directory that has lost something.

The server has to be stopped. A start that is refused says which of these to use. Without --yes they
say what they would do, and change nothing.
"""

app = typer.Typer(
    name="repair", help=_HELP, no_args_is_help=True, add_completion=False, rich_markup_mode=None
)
app.command("log", help=repair_log.HELP)(repair_log.repair_log)
app.command("accept-index", help=repair_accept_index.HELP)(repair_accept_index.accept)


@app.callback()
def repair() -> None:
    """Carries the help."""
