"""``rucket verify``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path  # noqa: TC003 -- typer reads annotations
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from rucket.cli.admin_options import Format
from rucket.cli.progress_bars import ProgressBars
from rucket.daemon.offline_check import verify_data_directory
from rucket.daemon.restore import is_backup, verify_backup
from rucket.daemon.settings_sources import load_settings
from rucket.observe.log import configure_logging

if TYPE_CHECKING:
    from rucket.daemon.offline_report import VerifyReport

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_EXIT_PROBLEMS: Final = 1

_HELP: Final = """Read everything below a data directory, and say what is damaged.

The server must not be running (a running one verifies itself, see storage.scrub). Nothing is
changed or repaired. Read are:

\b
  log     every segment and record, that none is missing, and that each is a command
  index   every row, its check, what rows say about one another, counters, and SQLite's pages;
          that it shows no more than the log holds
  blobs   every block of every blob that an object needs; what nobody needs is counted

DIR may also be what `rucket backup` has made.

Settings are found as `rucket serve` finds them; -d alone is enough, unless the configuration has a
sealing key of its own.
"""

_EPILOG: Final = """Examples:

\b
  rucket verify -d /srv/rucket
  rucket verify -d /srv/rucket -f json | jq .problems

Exit codes: 0 nothing is damaged; 1 something is; 2 it couldn't be checked: no data directory, a
server is using it, or a wrong command line.
"""


@app.command(help=_HELP, epilog=_EPILOG)
def verify(
    config: Annotated[
        Path | None, typer.Option("-c", "--config", metavar="FILE", help="The file with settings.")
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option("-d", "--data-dir", metavar="DIR", help="What to verify: storage.data_dir."),
    ] = None,
    output: Annotated[
        Format, typer.Option("-f", "--format", help="How to print the report.")
    ] = Format.TEXT,
) -> None:
    """Read everything below a data directory, and say what is damaged."""
    settings = load_settings(config, {"storage": {"data_dir": data_dir}})
    configure_logging("warning", pretty=True, process="verify")
    configured_key = settings.auth.sealing_key
    key = None if configured_key is None else bytes.fromhex(configured_key.get_secret_value())
    with ProgressBars() as bars:
        if is_backup(settings.storage.data_dir):
            report = verify_backup(settings.storage.data_dir, bars.show)
        else:
            report = verify_data_directory(settings.storage.data_dir, key, bars.show)
    if output is Format.JSON:
        typer.echo(json.dumps(_document(report), indent=2, ensure_ascii=False))
    else:
        _print(report)
    raise typer.Exit(_EXIT_PROBLEMS if report.problems else 0)


def _document(report: VerifyReport) -> dict[str, Any]:
    return {"is_clean": not report.problems, **asdict(report)}


def _print(report: VerifyReport) -> None:
    typer.echo(f"data directory  {report.data_dir}")
    for area, figures in report.figures.items():
        counts = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in figures.items())
        typer.echo(f"{area:<14}  {counts}")
    for note in report.notes:
        typer.echo(f"note            {note}")
    for problem in report.problems:
        typer.echo(f"PROBLEM         {problem.area}: {problem.what}: {problem.detail}")
    for repair in report.repairs:
        typer.echo(f"repair          {repair}")
    count = len(report.problems)
    typer.echo("nothing is damaged" if not count else f"{count} problems")
