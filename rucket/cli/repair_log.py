"""``rucket repair log``."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 -- typer reads annotations
from typing import TYPE_CHECKING, Annotated, Final

import typer

from rucket.cli.inspected_values import one_line, printable, time_of
from rucket.daemon.offline_access import offline
from rucket.daemon.offline_log_repair import LogRepairer
from rucket.daemon.settings_sources import load_settings
from rucket.disk.os_disk import OsDisk
from rucket.model.errors import UnknownFormatError
from rucket.runtime.system import SystemRandom
from rucket.state.commands import MalformedCommandError, decode_command

if TYPE_CHECKING:
    from rucket.daemon.offline_log_repair import LogRepair
    from rucket.ports.log import LogEntry
    from rucket.store.wal.salvage import Salvage

HELP: Final = """Make a log usable again of which acknowledged records can't be read.

A start refuses such a log. This says which records are damaged, which are kept, and which are given
up: those that nobody can read, and those behind them, which depend on them. Where the index shows
the damaged records already, nothing is given up. The old segments are moved to wal-replaced/, never
removed. Restoring a backup, where there is one, may lose less.

Without --yes nothing is changed. Exit codes: 0 nothing to repair, or repaired; 1 there is something
to repair; 2 the directory can't be used.
"""

_EXIT_TO_REPAIR: Final = 1
_GIVEN_UP_SHOWN_MAX: Final = 1000


def repair_log(
    config: Annotated[
        Path | None, typer.Option("-c", "--config", metavar="FILE", help="The file with settings.")
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option("-d", "--data-dir", metavar="DIR", help="What to repair: storage.data_dir."),
    ] = None,
    *,
    is_confirmed: Annotated[bool, typer.Option("--yes", help="Do it.")] = False,
    is_dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done; so it is without --yes.")
    ] = False,
) -> None:
    """Make a log usable again of which acknowledged records can't be read."""
    if is_confirmed and is_dry_run:
        raise typer.BadParameter("--yes and --dry-run contradict each other")
    storage = load_settings(config, {"storage": {"data_dir": data_dir}}).storage
    with offline(storage.data_dir, "stop it first"):
        repairer = LogRepairer(
            OsDisk(), str(storage.data_dir), SystemRandom(), storage.wal.segment_size_bytes
        )
        repair = repairer.plan()
        if repair.salvage is None:
            typer.echo("nothing is to be repaired")
            return
        _print(repair, repair.salvage)
        if not is_confirmed:
            typer.echo("nothing was changed: --yes does it")
            raise typer.Exit(_EXIT_TO_REPAIR)
        repairer.carry_out(repair)
        typer.echo(f"done; the old segments are in {repair.replaced}")


def _print(repair: LogRepair, salvage: Salvage) -> None:
    for segment, detail in repair.problems:
        typer.echo(f"PROBLEM   {segment}: {detail}")
    if repair.applied is None:
        typer.echo(f"index     it can't be read: {repair.index_problem}")
        typer.echo("          afterwards, rucket verify says how it can be built again")
    else:
        typer.echo(f"index     it shows records up to {repair.applied}")
    first, last = salvage.first_sequence_number, salvage.last_sequence_number
    if first <= last:
        typer.echo(f"kept      records {first} to {last}")
    else:
        typer.echo(f"kept      none; the new log begins with record {first}")
    for begin, end in salvage.lost:
        typer.echo(f"GIVEN UP  records {begin} to {end}: nobody can read them")
    for entry in repair.given_up[:_GIVEN_UP_SHOWN_MAX]:
        typer.echo(f"GIVEN UP  record {_described(entry)}")
    if len(repair.given_up) > _GIVEN_UP_SHOWN_MAX:
        more = len(repair.given_up) - _GIVEN_UP_SHOWN_MAX
        typer.echo(f"GIVEN UP  {more} more, up to record {repair.given_up[-1].sequence_number}")
    if not salvage.lost and not repair.given_up and repair.applied is not None:
        typer.echo("          no record is given up that the index doesn't show")


def _described(entry: LogEntry) -> str:
    try:
        command = decode_command(entry.payload)
        name, fields = type(command).__name__, one_line(printable(command))
    except (MalformedCommandError, UnknownFormatError) as error:
        name, fields = "(not a command)", str(error)
    return f"{entry.sequence_number}  {time_of(entry.hlc)}  {name}  {fields}"
