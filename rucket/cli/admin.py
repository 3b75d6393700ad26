"""``rucket admin``: what needs the root user's key."""

from __future__ import annotations

from typing import Final

import typer

from rucket.cli import admin_access_key, admin_user

_EPILOG: Final = """Who you are is read from RUCKET_ACCESS_KEY and RUCKET_SECRET_KEY, else
AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; or, with --config FILE, from the server's settings
file. Without any of them, a server on this machine is tried with the documented default.

\b
  rucket admin user create alice --display-name "Alice"
  rucket admin user list -f json
  rucket admin access-key create alice
  rucket admin user list -c /etc/rucket/rucket.toml
"""

app = typer.Typer(
    name="admin",
    help="Manage the users of a running server.",
    epilog=_EPILOG,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
app.add_typer(admin_user.app)
app.add_typer(admin_access_key.app)


@app.callback()
def admin() -> None:
    """Carries the help."""
