"""`rucket admin`: what is sent, signed by whom, and what is printed."""

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.cli.admin_server import AdminServer, admin_server
from tests.unit.cli.command_line import CommandLine

ALICE = {
    "name": "alice",
    "canonical_id": "ab" * 32,
    "display_name": "Alice",
    "email": "",
    "source": "api",
    "access_keys": [{"access_key_id": "ALICEKEY"}],
}
NEW_KEY = {"access_key_id": "ALICEKEY", "secret_access_key": "alices-secret"}


@pytest.fixture
def server() -> Iterator[AdminServer]:
    """A server whose root user has the documented default, and a few others."""
    with admin_server(
        {
            "rucket": "rucket123",
            "ENVKEY": "env-secret",
            "AWSKEY": "aws-secret",
            "FILEKEY": "file-secret",
        }
    ) as server:
        yield server


def test_users_are_listed(command_line: CommandLine, server: AdminServer) -> None:
    """In columns for people, as they came for programs."""
    server.answer = {"users": [ALICE, {**ALICE, "name": "b", "access_keys": []}]}

    text = command_line.run("admin", "user", "list", "-e", server.endpoint)
    as_json = command_line.run("admin", "user", "list", "-e", server.endpoint, "-f", "json")

    assert text.output.splitlines() == [
        "NAME   SOURCE  DISPLAY NAME  E-MAIL  ACCESS KEYS",
        "alice  api     Alice                 ALICEKEY",
        "b      api     Alice",
    ]
    assert json.loads(as_json.output) == server.answer
    assert {(each.method, each.path) for each in server.received} == {("GET", "/_admin/v1/users")}


def test_a_user_is_made_and_the_secret_shown(
    command_line: CommandLine, server: AdminServer
) -> None:
    """This once."""
    server.status, server.answer = 201, {**ALICE, **NEW_KEY}

    ran = command_line.run(
        *("admin", "user", "create", "alice", "--display-name", "Alice", "-e", server.endpoint)
    )

    assert ran.exit_code == 0, ran.errors
    assert "secret key  alices-secret\n" in ran.output
    assert "can't be shown again" in ran.errors
    (received,) = server.received
    assert (received.method, received.path) == ("POST", "/_admin/v1/users")
    assert received.body == {"name": "alice", "display_name": "Alice"}


def test_a_user_without_a_key(command_line: CommandLine, server: AdminServer) -> None:
    """Only when asked for; then no secret is printed."""
    server.status, server.answer = 201, {**ALICE, "access_keys": []}

    ran = command_line.run("admin", "user", "create", "a", "--no-access-key", "-e", server.endpoint)

    assert ran.exit_code == 0
    assert server.received[0].body == {"name": "a", "create_access_key": False}
    assert "secret" not in ran.output


def test_a_chosen_secret_comes_from_standard_input(
    command_line: CommandLine, server: AdminServer
) -> None:
    """Never from the command line, where others see it."""
    server.status, server.answer = 201, NEW_KEY
    stdin = io.TextIOWrapper(io.BytesIO(b"chosen-secret\nmore\n"))
    command_line.monkeypatch.setattr(sys, "stdin", stdin)

    ran = command_line.run(
        *("admin", "access-key", "create", "alice", "--access-key-id", "CHOSEN"),
        *("--secret-from-stdin", "-e", server.endpoint),
    )

    assert ran.exit_code == 0, ran.errors
    assert server.received[0].path == "/_admin/v1/users/alice/access-keys"
    assert server.received[0].body == {
        "access_key_id": "CHOSEN",
        "secret_access_key": "chosen-secret",
    }


@pytest.mark.parametrize(
    ("arguments", "method", "path", "body"),
    [
        (["user", "show", "a+b=c,@d"], "GET", "/users/a%2Bb%3Dc%2C%40d", None),
        (["user", "update", "a", "--email", ""], "PATCH", "/users/a", {"email": ""}),
        (["user", "delete", "a"], "DELETE", "/users/a", None),
        (["access-key", "delete", "a", "K"], "DELETE", "/users/a/access-keys/K", None),
    ],
    ids=["show", "update", "delete", "delete-key"],
)
def test_requests_are_what_the_api_expects(
    command_line: CommandLine,
    server: AdminServer,
    arguments: list[str],
    method: str,
    path: str,
    body: object,
) -> None:
    """Paths are encoded and signed as they are sent."""
    server.answer = ALICE

    ran = command_line.run("admin", *arguments, "-e", server.endpoint)

    assert ran.exit_code == 0, ran.errors
    (received,) = server.received
    assert (received.method, received.path) == (method, f"/_admin/v1{path}")
    assert received.body == body


def test_access_keys_are_listed(command_line: CommandLine, server: AdminServer) -> None:
    """One a line."""
    server.answer = {"access_keys": ALICE["access_keys"]}

    ran = command_line.run("admin", "access-key", "list", "alice", "-e", server.endpoint)

    assert ran.output == "ACCESS KEY\nALICEKEY\n"


def test_who_signs(command_line: CommandLine, server: AdminServer, tmp_path: Path) -> None:
    """The settings file that was named, else the environment, ours first, else the default."""
    server.answer = {"users": []}
    config = tmp_path / "server.toml"
    config.write_text(
        f'[server]\nbind = "{server.endpoint.removeprefix("http://")}"\n'
        '[auth]\naccess_key = "FILEKEY"\nsecret_key = "file-secret"\n'
    )

    command_line.run("admin", "user", "list", "-e", server.endpoint)
    command_line.monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AWSKEY")
    command_line.monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "aws-secret")
    command_line.run("admin", "user", "list", "-e", server.endpoint)
    command_line.monkeypatch.setenv("RUCKET_ACCESS_KEY", "ENVKEY")
    command_line.monkeypatch.setenv("RUCKET_SECRET_KEY", "env-secret")
    command_line.run("admin", "user", "list", "-e", server.endpoint)
    command_line.run("admin", "user", "list", "-c", str(config))

    signers = [received.access_key_id for received in server.received]
    assert signers == ["rucket", "AWSKEY", "ENVKEY", "FILEKEY"]


def test_half_of_a_credential_is_an_error(command_line: CommandLine) -> None:
    """Falling back to another one would surprise."""
    command_line.monkeypatch.setenv("RUCKET_ACCESS_KEY", "ENVKEY")

    ran = command_line.run("admin", "user", "list")

    assert ran.exit_code == 2
    assert "RUCKET_SECRET_KEY is not set" in ran.errors


def test_the_default_is_not_sent_to_other_machines(command_line: CommandLine) -> None:
    """Whoever answers there is not the server that it is meant for."""
    ran = command_line.run("admin", "user", "list", "-e", "http://192.0.2.1:9000")

    assert ran.exit_code == 2
    assert "who are you?" in ran.errors


def test_a_refusal_is_one_line(command_line: CommandLine, server: AdminServer) -> None:
    """With the server's words."""
    server.status = 409
    server.answer = {"error": {"code": "UserOwnsBuckets", "message": "alice owns 2 buckets"}}

    ran = command_line.run("admin", "user", "delete", "alice", "-e", server.endpoint)

    assert ran.exit_code == 1
    assert ran.errors == "rucket: refused: alice owns 2 buckets (UserOwnsBuckets)\n"


def test_a_wrong_key_says_which_one_is_needed(
    command_line: CommandLine, server: AdminServer
) -> None:
    """The root user's."""
    command_line.monkeypatch.setenv("RUCKET_ACCESS_KEY", "ENVKEY")
    command_line.monkeypatch.setenv("RUCKET_SECRET_KEY", "wrong-secret")

    ran = command_line.run("admin", "user", "list", "-e", server.endpoint)

    assert ran.exit_code == 1
    assert "root user's key" in ran.errors
    assert "wrong-secret" not in ran.errors


def test_an_answer_that_is_not_ours_is_told_as_such(
    command_line: CommandLine, server: AdminServer
) -> None:
    """Something else may listen there."""
    server.status, server.answer = 502, "what?"

    ran = command_line.run("admin", "user", "list", "-e", server.endpoint)

    assert ran.exit_code == 1
    assert "HTTP 502" in ran.errors


@pytest.mark.parametrize("endpoint", ["", "x", "ftp://127.0.0.1", "http://", "http://h/path"])
def test_what_is_no_endpoint_is_refused(command_line: CommandLine, endpoint: str) -> None:
    """With an example of one."""
    ran = command_line.run("admin", "user", "list", "-e", endpoint)

    assert ran.exit_code == 2
    assert "write one such as http://127.0.0.1:9000" in ran.errors


def test_nobody_at_home(command_line: CommandLine) -> None:
    """The message says what to look at."""
    ran = command_line.run("admin", "user", "list", "-e", "http://127.0.0.1:1")

    assert ran.exit_code == 1
    assert "is the server running there" in ran.errors
