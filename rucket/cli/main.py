"""The command ``rucket``: one file a command, loaded when it is called.

Commands raise; here alone an error becomes a line on standard error and an exit code::

    0  done, or drained
    1  operating error: something outside has to be mended
    2  a wrong setting or a wrong command line

``RUCKET_DEBUG=1`` shows where an error came from as well.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any, Final

import typer
from typer.core import TyperGroup

from rucket.model.errors import ConfigurationError, RucketError

_COMMANDS: Final = {
    "serve": "rucket.cli.serve",
    "admin": "rucket.cli.admin",
    "verify": "rucket.cli.verify",
    "inspect": "rucket.cli.inspection",
    "backup": "rucket.cli.backup",
    "restore": "rucket.cli.restore",
    "rebuild-index": "rucket.cli.rebuild_index",
    "repair": "rucket.cli.repair",
    "version": "rucket.cli.version",
}
"""Modules that have an ``app``. Loading all of them takes as long as a short command."""

_EXIT_OPERATING_ERROR: Final = 1
_EXIT_CONFIGURATION_ERROR: Final = 2

_HELP: Final = """Rucket, an S3-compatible object store.

A server is one command (`rucket serve`); after that, any S3 client works with it, and
`rucket admin` makes users. `rucket verify` and `rucket inspect` look at what is on disk. Every
command explains itself: rucket COMMAND --help.
"""

_EPILOG: Final = """Examples:

\b
  rucket serve -d ./data                           a server on http://127.0.0.1:9000
  rucket admin user create alice                   a user with an access key
  aws --endpoint-url http://127.0.0.1:9000 s3 ls   any S3 client
  rucket verify -d ./data                          read everything, once the server is stopped

Exit codes: 0 done; 1 operating error; 2 wrong setting or command line. RUCKET_DEBUG=1 adds a
traceback to errors.
"""


class _LoadedWhenCalled(TyperGroup):
    """The commands of `_COMMANDS`."""

    def list_commands(self, ctx: object) -> list[str]:  # noqa: ARG002 -- the base class's signature
        return list(_COMMANDS)

    def get_command(self, ctx: object, cmd_name: str) -> Any:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        return typer.main.get_command(importlib.import_module(_COMMANDS[cmd_name]).app)


app = typer.Typer(
    cls=_LoadedWhenCalled,
    help=_HELP,
    epilog=_EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


@app.callback()
def rucket() -> None:
    """Carries the help of the whole program."""


def main() -> None:
    """Runs the command line and ends the process."""
    try:
        app(prog_name="rucket")
    except ConfigurationError as error:
        _fail(error, _EXIT_CONFIGURATION_ERROR)
    except (RucketError, OSError) as error:
        _fail(error, _EXIT_OPERATING_ERROR)


def _fail(error: RucketError | OSError, exit_code: int) -> None:
    if os.environ.get("RUCKET_DEBUG"):
        raise error
    typer.echo(f"rucket: {' '.join(str(error).split())}", err=True)
    sys.exit(exit_code)
