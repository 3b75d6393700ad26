"""``rucket backup``."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 -- typer reads annotations
from typing import Annotated, Final

import typer

from rucket.cli.progress_bars import ProgressBars
from rucket.daemon.backup import back_up
from rucket.daemon.settings_sources import load_settings
from rucket.observe.log import configure_logging

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_HELP: Final = """Make a backup of a node into a directory, while its server runs or not.

It shows one moment: rows, every blob they need (verified while it is copied), identity and keys. A
second backup into the same directory copies only what is new, and replaces the first when it is
complete: interrupted at any moment, the one before is still there. The directory holds secrets.
"""

_EPILOG: Final = """Examples:

\b
  rucket backup -d /srv/rucket /mnt/backup
  rucket verify -d /mnt/backup
  rucket restore /mnt/backup -d /srv/restored

Exit codes: 0 done; 1 something couldn't be read or written: no backup was made; 2 wrong
directories or command line.
"""


@app.command(help=_HELP, epilog=_EPILOG)
def backup(
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help="Empty, or with an earlier backup.")
    ],
    config: Annotated[
        Path | None, typer.Option("-c", "--config", metavar="FILE", help="The file with settings.")
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option("-d", "--data-dir", metavar="DIR", help="Where data is: storage.data_dir."),
    ] = None,
    *,
    skip_damaged: Annotated[
        bool, typer.Option("--skip-damaged", help="Leave out blobs that can't be read.")
    ] = False,
) -> None:
    """Make a backup of a node into a directory."""
    settings = load_settings(config, {"storage": {"data_dir": data_dir}})
    configure_logging("warning", pretty=True, process="backup")
    with ProgressBars() as bars:
        report = back_up(settings.storage.data_dir, target, bars.show, skip_damaged=skip_damaged)
    manifest = report.manifest
    typer.echo(
        f"{target} shows record {manifest.position}: {manifest.blob_count} blobs, "
        f"{manifest.blob_bytes} bytes; {report.copied_count} of them were copied"
    )
    for problem in report.problems:
        typer.echo(f"LEFT OUT  {problem}")
