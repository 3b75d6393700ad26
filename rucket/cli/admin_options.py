"""The options that all administrative commands have, and how they print."""

from __future__ import annotations

import enum
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from rucket.cli.admin_client import DEFAULT_ENDPOINT, AdminClient, open_admin_client
from rucket.model.errors import ConfigurationError
from rucket.runtime.system import SystemClock

if TYPE_CHECKING:
    from collections.abc import Sequence


@enum.unique
class Format(enum.StrEnum):
    """How answers are printed."""

    TEXT = "text"
    JSON = "json"


EndpointOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "-e",
        "--endpoint",
        metavar="URL",
        help=f"The server.  [default: that of --config, else {DEFAULT_ENDPOINT}]",
    ),
]
ConfigOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "-c", "--config", metavar="FILE", help="The server's settings file, for its root user."
    ),
]
FormatOption: TypeAlias = Annotated[
    Format, typer.Option("-f", "--format", help="How to print the answer.")
]
UserArgument: TypeAlias = Annotated[str, typer.Argument(metavar="USER", help="The user's name.")]
AccessKeyIdOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--access-key-id", metavar="ID", help="Choose the access key.  [default: made]"),
]
SecretOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--secret-from-stdin", help="Read the secret from the first line of standard input."
    ),
]


def connect(endpoint: str | None, config: Path | None) -> AdminClient:
    """The server that the options mean."""
    return open_admin_client(endpoint, config, SystemClock())


def read_secret(wanted: bool) -> dict[str, str]:  # noqa: FBT001 -- an option as it comes
    """The field for a secret that the caller chose; nothing where the server makes one."""
    if not wanted:
        return {}
    secret = typer.get_text_stream("stdin").readline().rstrip("\r\n")
    if not secret:
        raise ConfigurationError("--secret-from-stdin: standard input has no first line")
    return {"secret_access_key": secret}


def given(**fields: str | None) -> dict[str, Any]:
    """The fields that aren't None."""
    return {name: value for name, value in fields.items() if value is not None}


def print_json(answer: object) -> None:
    """Prints an answer as it came."""
    typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))


def print_fields(fields: Sequence[tuple[str, str]]) -> None:
    """Prints names and values, one a line; empty values are left out."""
    width = max(len(name) for name, _ in fields)
    for name, value in fields:
        if value:
            typer.echo(f"{name:<{width}}  {value}")


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints rows in columns."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())


def print_new_access_key(answer: dict[str, Any]) -> None:
    """Prints an access key with the secret that is shown this once."""
    print_fields(
        [
            ("access key", answer["access_key_id"]),
            ("secret key", answer["secret_access_key"]),
        ]
    )
    typer.echo("Keep the secret: it can't be shown again.", err=True)
