"""``rucket inspect``: what is on disk, for people and for scripts."""

from __future__ import annotations

from typing import Final

import typer

from rucket.cli import inspect_blob, inspect_index, inspect_log, inspect_segment

_HELP: Final = """Show what is in the files of a data directory.

Nothing is changed, and a server may be running. Secrets are never shown, nor the bytes of objects:
of both only their sizes. docs/on_disk_format.md says what the fields mean.
"""

_EPILOG: Final = """Examples:

\b
  rucket inspect log ./data --from 1200 --limit 10
  rucket inspect index -d ./data                              tables and how far they are
  rucket inspect index -d ./data --table OBJECTS --bucket photos --prefix 2026/
  rucket inspect blob 5f0c… -d ./data
  rucket inspect segment 1f00c0ffee42 -d ./data
"""

app = typer.Typer(
    name="inspect",
    help=_HELP,
    epilog=_EPILOG,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
app.command("log", help=inspect_log.HELP)(inspect_log.inspect_log)
app.command("index", help=inspect_index.HELP)(inspect_index.inspect_index)
app.command("blob", help=inspect_blob.HELP)(inspect_blob.inspect_blob_file)
app.command("segment", help=inspect_segment.HELP)(inspect_segment.inspect_segment)


@app.callback()
def inspect() -> None:
    """Carries the help."""
