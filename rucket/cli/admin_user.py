"""``rucket admin user``."""

from __future__ import annotations

from typing import Annotated, Any

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
    print_fields,
    print_json,
    print_new_access_key,
    print_table,
    read_secret,
)

app = typer.Typer(
    name="user", help="List, make and change users.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("list")
def list_users(
    endpoint: EndpointOption = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """List all users, those of the settings file first."""
    answer = connect(endpoint, config).request("GET", "users")
    if output is Format.JSON:
        print_json(answer)
        return
    rows = [
        (
            user["name"],
            user["source"],
            user["display_name"],
            user["email"],
            " ".join(key["access_key_id"] for key in user["access_keys"]),
        )
        for user in answer["users"]
    ]
    print_table(("NAME", "SOURCE", "DISPLAY NAME", "E-MAIL", "ACCESS KEYS"), rows)


@app.command("show")
def show_user(
    user: UserArgument,
    endpoint: EndpointOption = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Show a user."""
    _print_user(connect(endpoint, config).request("GET", "users", user), output)


@app.command("create")
def create_user(  # noqa: PLR0913 -- one parameter an option
    user: UserArgument,
    *,
    display_name: Annotated[str | None, typer.Option(help="For people.")] = None,
    email: Annotated[str | None, typer.Option(help="Unique among users.")] = None,
    canonical_id: Annotated[
        str | None, typer.Option(metavar="ID", help="64 hexadecimal digits.  [default: made]")
    ] = None,
    no_access_key: Annotated[
        bool, typer.Option("--no-access-key", help="Make no access key yet.")
    ] = False,
    access_key_id: AccessKeyIdOption = None,
    secret_from_stdin: SecretOption = False,
    endpoint: EndpointOption = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Make a user with an access key, and print its secret: this once."""
    body = given(
        name=user,
        display_name=display_name,
        email=email,
        canonical_id=canonical_id,
        access_key_id=access_key_id,
    )
    body |= read_secret(secret_from_stdin)
    if no_access_key:
        body["create_access_key"] = False
    answer = connect(endpoint, config).request("POST", "users", body=body)
    _print_user(answer, output)
    if output is Format.TEXT and not no_access_key:
        print_new_access_key(answer)


@app.command("update")
def update_user(
    user: UserArgument,
    display_name: Annotated[str | None, typer.Option(help="For people.")] = None,
    email: Annotated[str | None, typer.Option(help="Unique among users; '' for none.")] = None,
    endpoint: EndpointOption = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Change a user's display name or e-mail address."""
    body = given(display_name=display_name, email=email)
    if not body:
        raise typer.BadParameter("say what to change: --display-name or --email")
    _print_user(connect(endpoint, config).request("PATCH", "users", user, body=body), output)


@app.command("delete")
def delete_user(
    user: UserArgument, endpoint: EndpointOption = None, config: ConfigOption = None
) -> None:
    """Delete a user who owns no bucket, with all access keys."""
    connect(endpoint, config).request("DELETE", "users", user)
    typer.echo(f"deleted user {user}")


def _print_user(user: dict[str, Any], output: Format) -> None:
    if output is Format.JSON:
        print_json(user)
        return
    access_keys = " ".join(key["access_key_id"] for key in user.get("access_keys", ()))
    print_fields(
        [
            ("name", user["name"]),
            ("canonical id", user["canonical_id"]),
            ("display name", user["display_name"]),
            ("e-mail", user["email"]),
            ("source", user.get("source", "")),
            ("access keys", access_keys),
        ]
    )
