"""``rucket rebuild-index``."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 -- typer reads annotations
from typing import Annotated, Final

import typer

from rucket.cli.progress_bars import ProgressBars
from rucket.daemon.offline_rebuild import RebuildChoice, rebuild_index
from rucket.daemon.settings_sources import load_settings
from rucket.observe.log import configure_logging

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_HELP: Final = """Build the index of a stopped server again, from a checkpoint and the log.

For an index that is damaged or lost. What comes out is, row by row, what was there. It is built
beside the old one, and takes its place when it is complete and durable: if this command is
interrupted, the old one is still there.

Refused, if what comes out would show less than is known to have been acknowledged.
"""

_EPILOG: Final = """Examples:

\b
  rucket rebuild-index -d /srv/rucket
  rucket rebuild-index -d /srv/rucket --from-log

Exit codes: 0 done; 1 there isn't enough to build it from, or the disk refused; 2 no data directory,
a server is using it, or a wrong command line.
"""


@app.command(help=_HELP, epilog=_EPILOG)
def rebuild(
    config: Annotated[
        Path | None, typer.Option("-c", "--config", metavar="FILE", help="The file with settings.")
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option("-d", "--data-dir", metavar="DIR", help="Where data is: storage.data_dir."),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option("--from-checkpoint", metavar="FILE", help="Begin with this checkpoint."),
    ] = None,
    *,
    from_log: Annotated[
        bool, typer.Option("--from-log", help="Begin with nothing: the log has to be complete.")
    ] = False,
    accept_loss: Annotated[
        bool,
        typer.Option("--accept-loss", help="Even if acknowledged records are lost by it."),
    ] = False,
) -> None:
    """Build the index of a stopped server again."""
    settings = load_settings(config, {"storage": {"data_dir": data_dir}})
    configure_logging("warning", pretty=True, process="rebuild-index")
    if checkpoint is not None and from_log:
        raise typer.BadParameter("--from-checkpoint and --from-log exclude each other")
    choice = RebuildChoice(checkpoint, from_log, accept_loss)
    with ProgressBars() as bars:
        rebuilt = rebuild_index(settings.storage.data_dir, choice, bars.show)
    begin = rebuilt.checkpoint_position
    source = f"the checkpoint at record {begin} and the log" if begin else "the log"
    typer.echo(f"the index is built again from {source}; it shows record {rebuilt.position}")
    if rebuilt.old_position is not None and rebuilt.old_position > rebuilt.position:
        given_up = f"{rebuilt.position + 1} to {rebuilt.old_position}"
        typer.echo(f"given up are records {given_up}, which the old index showed")
