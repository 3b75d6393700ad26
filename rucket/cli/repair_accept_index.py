"""``rucket repair accept-index``."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 -- typer reads annotations
from typing import TYPE_CHECKING, Annotated, Final

import typer

from rucket.cli.progress_bars import ProgressBars
from rucket.daemon.offline_acceptance import accept_index
from rucket.daemon.settings_sources import load_settings
from rucket.observe.log import configure_logging

if TYPE_CHECKING:
    from rucket.daemon.offline_acceptance import Acceptance

HELP: Final = """Take the index for the truth: the log has lost records that the index shows.

The index is verified first. Then the old segments are moved into wal-replaced/, and a new log
begins right behind what the index shows. No sequence number is used twice. Nothing that the index
shows is lost; what it doesn't show is given up, and said.
"""

_EXIT_NOT_CONFIRMED: Final = 1


def accept(
    config: Annotated[
        Path | None, typer.Option("-c", "--config", metavar="FILE", help="The file with settings.")
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option("-d", "--data-dir", metavar="DIR", help="Where data is: storage.data_dir."),
    ] = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do it, and don't only say it.")] = False,
) -> None:
    """Take the index for the truth."""
    settings = load_settings(config, {"storage": {"data_dir": data_dir}})
    configure_logging("warning", pretty=True, process="repair")
    configured_key = settings.auth.sealing_key
    key = None if configured_key is None else bytes.fromhex(configured_key.get_secret_value())
    with ProgressBars() as bars:
        acceptance = accept_index(settings.storage.data_dir, key, bars.show, is_confirmed=yes)
    _print(acceptance)
    if not yes:
        typer.echo("nothing was changed; --yes does it")
        raise typer.Exit(_EXIT_NOT_CONFIRMED)
    typer.echo("done: start the server")


def _print(acceptance: Acceptance) -> None:
    typer.echo(f"the index is whole, and shows record {acceptance.position}")
    if acceptance.log_damage:
        typer.echo(f"the log is damaged: {acceptance.log_damage}")
    elif acceptance.log_last is None:
        typer.echo("the log holds no segment")
    else:
        typer.echo(f"the log ends with record {acceptance.log_last}")
    if acceptance.given_up_last:
        first = acceptance.position + 1
        typer.echo(
            f"GIVEN UP are records {first} to {acceptance.given_up_last}: acknowledged, not in the "
            "index, and the log can't be read up to there. rucket inspect log shows what is left"
        )
    typer.echo(f"{acceptance.segment_count} segments go to wal-replaced/")
    typer.echo(f"the new log begins with record {acceptance.next_sequence_number}")
