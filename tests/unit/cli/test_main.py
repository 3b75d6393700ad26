"""What all commands have in common: help, errors, exit codes."""

import subprocess
import sys
from importlib.metadata import version

import pytest

from rucket.model.errors import ConfigurationError
from tests.unit.cli.command_line import CommandLine

COMMANDS = [
    ["serve"],
    ["version"],
    ["verify"],
    *(["inspect", name] for name in ("log", "index", "blob")),
    ["admin"],
    *(["admin", "user", name] for name in ("list", "create", "show", "update", "delete")),
    *(["admin", "access-key", name] for name in ("list", "create", "delete")),
]


def test_version_is_printed(command_line: CommandLine) -> None:
    """As `rucket X.Y.Z`."""
    ran = command_line.run("version")

    assert (ran.exit_code, ran.output) == (0, f"rucket {version('rucket')}\n")


def test_the_package_is_the_command() -> None:
    """`python -m rucket` works where the script isn't installed."""
    ran = subprocess.run(
        [sys.executable, "-m", "rucket", "version"], capture_output=True, text=True, check=True
    )

    assert ran.stdout.startswith("rucket ")


def test_version_loads_no_server() -> None:
    """A command loads what it needs: the settings alone would double its time."""
    program = (
        "import sys; from rucket.cli.main import main; sys.argv = ['rucket', 'version']\n"
        "try: main()\n"
        "finally: print(sorted({'pydantic_settings', 'structlog', 'httpx'} & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert ran.stdout.endswith("[]\n")


def test_the_bare_command_explains_itself(command_line: CommandLine) -> None:
    """It lists the commands, and examples."""
    ran = command_line.run()

    for word in ("serve", "admin", "version", "Examples:", "Exit codes"):
        assert word in ran.output + ran.errors


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help(command_line: CommandLine, command: list[str]) -> None:
    """With -h as with --help."""
    ran = command_line.run(*command, "-h")

    assert ran.exit_code == 0
    assert ran.output == command_line.run(*command, "--help").output
    assert "Usage: rucket" in ran.output


def test_help_says_where_settings_live(command_line: CommandLine) -> None:
    """The file, the environment, the defaults."""
    help_text = command_line.run("serve", "--help").output

    for word in ("rucket.toml", "/etc/rucket/rucket.toml", "RUCKET__SERVER__BIND", "rucket123"):
        assert word in help_text


def test_an_unknown_command_is_a_usage_error(command_line: CommandLine) -> None:
    """Exit code 2."""
    ran = command_line.run("sevre")

    assert ran.exit_code == 2
    assert "sevre" in ran.errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-b", "nonsense"], "server.bind: 'nonsense' is not HOST:PORT"),
        (["-b", "0.0.0.0:9000"], "set auth.access_key and auth.secret_key"),
        (["-c", "missing.toml"], "missing.toml can't be read"),
        (["--peers", "a,b"], "--peers: this Rucket runs as a single node"),
        (["--node-id=1"], "--node-id: this Rucket runs as a single node"),
        (["--cluster"], "--cluster: this Rucket runs as a single node"),
    ],
)
def test_a_wrong_setting_is_one_line_and_exit_code_2(
    command_line: CommandLine, arguments: list[str], message: str
) -> None:
    """No traceback: the line says what to do."""
    ran = command_line.run("serve", *arguments)

    assert ran.exit_code == 2
    assert ran.errors.startswith("rucket: ")
    assert ran.errors.count("\n") == 1
    assert message in ran.errors


def test_an_unknown_option_is_a_usage_error(command_line: CommandLine) -> None:
    """Also where the command reads its options itself."""
    ran = command_line.run("serve", "--colour")

    assert ran.exit_code == 2
    assert "--colour" in ran.errors


def test_a_traceback_is_there_for_who_asks(command_line: CommandLine) -> None:
    """RUCKET_DEBUG=1."""
    command_line.monkeypatch.setenv("RUCKET_DEBUG", "1")

    with pytest.raises(ConfigurationError):
        command_line.run("serve", "-b", "nonsense")
