"""``rucket serve``."""

from __future__ import annotations

import contextlib
from pathlib import Path  # noqa: TC003 -- typer reads annotations
from typing import TYPE_CHECKING, Annotated, Final

import typer

from rucket.daemon.server import run_server
from rucket.daemon.settings_sources import NO_CLUSTER_YET, load_settings
from rucket.daemon.version import VERSION
from rucket.model.errors import ConfigurationError

if TYPE_CHECKING:
    from rucket.daemon.settings import Settings

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_CLUSTER_FLAGS: Final = frozenset(
    {
        "--cluster",
        "--node-id",
        "--cluster-bind",
        "--peers",
        "--bootstrap",
        "--discover",
        "--expect-nodes",
    }
)

_HELP: Final = """Start a server, in the foreground.

The server is this process, which only watches, and its children: gateways that speak S3, a node
that owns the data, and maintenance. They end together. SIGTERM or Ctrl-C finishes the requests in
flight first; a second one doesn't wait.

Settings come from a file (-c FILE, else ./rucket.toml, else /etc/rucket/rucket.toml), then from
environment variables, then from the options here; the last one wins. A key that nobody knows is
an error. For example:

\b
  [server]
  bind = "0.0.0.0:9000"      RUCKET__SERVER__BIND=0.0.0.0:9000     -b 0.0.0.0:9000
  region = "us-east-1"       RUCKET__SERVER__REGION=us-east-1
  [storage]
  data_dir = "./data"        RUCKET__STORAGE__DATA_DIR=./data      -d ./data
  [auth]                     # of the root user
  access_key = "..."         RUCKET__AUTH__ACCESS_KEY=...
  secret_key = "..."         RUCKET__AUTH__SECRET_KEY=...

Out of the box, the server listens on 127.0.0.1:9000 with documented credentials (rucket,
rucket123). It refuses to listen anywhere else before you have set auth.secret_key.
"""

_EPILOG: Final = """Examples:

\b
  rucket serve
  rucket serve -b 127.0.0.1:9100 -d /srv/rucket
  rucket serve -c /etc/rucket/rucket.toml
  RUCKET__LOGGING__FORMAT=json rucket serve
"""


@app.command(
    help=_HELP,
    epilog=_EPILOG,
    # Read by ourselves, for the sake of a better answer to the options of a cluster.
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
def serve(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option("-c", "--config", metavar="FILE", help="The file with settings.")
    ] = None,
    bind: Annotated[
        str | None,
        typer.Option("-b", "--bind", metavar="HOST:PORT", help="Where to listen: server.bind."),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option("-d", "--data-dir", metavar="DIR", help="Where data is: storage.data_dir."),
    ] = None,
) -> None:
    """Start a server, in the foreground."""
    _refuse_extra_arguments(context)
    flags = {"server": {"bind": bind}, "storage": {"data_dir": data_dir}}
    settings = load_settings(config, flags)
    raise typer.Exit(run_server(settings, lambda: _greet(settings)))


def _refuse_extra_arguments(context: typer.Context) -> None:
    for argument in context.args:
        option = argument.partition("=")[0]
        if option in _CLUSTER_FLAGS:
            raise ConfigurationError(f"{option}: {NO_CLUSTER_YET}")
    if context.args:
        context.fail(f"there is no option or argument {context.args[0]}")


def _greet(settings: Settings) -> None:
    """Tells the person at the terminal what to do now."""
    if settings.logging.format != "pretty":
        return
    server = settings.server
    if settings.auth.has_default_credentials:
        credentials = f"access key {settings.auth.access_key}, the documented default secret"
    else:
        credentials = f"access key {settings.auth.access_key}, the secret from your settings"
    metrics = "off"
    if settings.metrics.enabled:
        address = settings.metrics_address
        metrics = f"http://{address.endpoint_host}:{address.port}/metrics"
    text = f"""
Rucket {VERSION} is ready.

  S3 and admin API   {server.endpoint}
  metrics            {metrics}
  region             {server.region}
  data               {settings.storage.data_dir}
  root user          {credentials}

  try                aws --endpoint-url {server.endpoint} s3 ls
  make a user        rucket admin user create NAME -e {server.endpoint}
  end                Ctrl-C
"""
    with contextlib.suppress(OSError):  # nobody has to listen
        typer.echo(text)
