"""``rucket admin access-key``."""

from __future__ import annotations

from typing import Annotated

import typer

from rucket.cli.admin_options import (
    AccessKeyIdOption,
    ConfigOption,
    EndpointOption,
    Format,
    FormatOption,
    SecretOption,
    UserArgument,
    connect,
    given,
    print_json,
    print_new_access_key,
    print_table,
    read_secret,
)

app = typer.Typer(
    name="access-key",
    help="List, make and delete the access keys of a user.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("list")
def list_access_keys(
    user: UserArgument,
    endpoint: EndpointOption = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """List the access keys of a user."""
    answer = connect(endpoint, config).request("GET", "users", user, "access-keys")
    if output is Format.JSON:
        print_json(answer)
        return
    print_table(("ACCESS KEY",), [(key["access_key_id"],) for key in answer["access_keys"]])


@app.command("create")
def create_access_key(
    user: UserArgument,
    *,
    access_key_id: AccessKeyIdOption = None,
    secret_from_stdin: SecretOption = False,
    endpoint: EndpointOption = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Give a user another access key, and print its secret: this once."""
    body = given(access_key_id=access_key_id) | read_secret(secret_from_stdin)
    answer = connect(endpoint, config).request("POST", "users", user, "access-keys", body=body)
    if output is Format.JSON:
        print_json(answer)
    else:
        print_new_access_key(answer)


@app.command("delete")
def delete_access_key(
    user: UserArgument,
    access_key_id: Annotated[str, typer.Argument(metavar="ID", help="The access key.")],
    endpoint: EndpointOption = None,
    config: ConfigOption = None,
) -> None:
    """Take an access key away. It is refused from then on."""
    connect(endpoint, config).request("DELETE", "users", user, "access-keys", access_key_id)
    typer.echo(f"deleted access key {access_key_id}")
