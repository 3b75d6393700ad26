"""``rucket version``."""

from __future__ import annotations

import typer

from rucket.daemon.version import VERSION

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"rucket {VERSION}")
