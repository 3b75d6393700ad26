"""``rucket restore``."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 -- typer reads annotations
from typing import Annotated, Final

import typer

from rucket.cli.progress_bars import ProgressBars
from rucket.daemon.restore import restore as restore_backup
from rucket.daemon.settings_sources import load_settings
from rucket.observe.log import configure_logging

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_HELP: Final = """Make a data directory of a backup.

The data directory has to be empty. Devices that the node had, and that storage.devices names at the
same paths, get the blobs that they had, and have to be empty, too; all other blobs go to the data
directory. Every byte of the backup that is used is verified. No server
starts on a directory into which a backup was not restored to the end.
"""


@app.command(help=_HELP)
def restore(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="What rucket backup made.")],
    config: Annotated[
        Path | None, typer.Option("-c", "--config", metavar="FILE", help="The file with settings.")
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option("-d", "--data-dir", metavar="DIR", help="Empty: storage.data_dir."),
    ] = None,
) -> None:
    """Make a data directory of a backup."""
    settings = load_settings(config, {"storage": {"data_dir": data_dir}})
    configure_logging("warning", pretty=True, process="restore")
    with ProgressBars() as bars:
        manifest = restore_backup(
            source,
            settings.storage.data_dir,
            bars.show,
            [str(device.path) for device in settings.storage.devices],
        )
    typer.echo(
        f"{settings.storage.data_dir} shows record {manifest.position}, with "
        f"{manifest.blob_count} blobs: start the server"
    )
    if manifest.missing_blobs:
        typer.echo(f"{len(manifest.missing_blobs)} blobs are not in the backup")
