"""`python -m rucket_platform.stacks`: what stands behind `make up` and its siblings."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from typing import TYPE_CHECKING

from rich.console import Console

from rucket_platform.errors import PlatformError
from rucket_platform.stacks.automation import Engine
from rucket_platform.stacks.outputs import as_json, find_region, read_outputs
from rucket_platform.stacks.pasteable import exports_for, lines_for
from rucket_platform.stacks.status import look_at_nodes, table_of
from rucket_platform.stacks.workspace import (
    DEFAULT_STACK,
    OVERRIDING_VARIABLES,
    Workspace,
    environment,
    open_workspace,
)
from rucket_platform.substrates.by_image import ByImage
from rucket_platform.substrates.substrate import NodeStatus
from rucket_platform.tools.install import ensure_tools
from rucket_platform.tools.progress import Progress

if TYPE_CHECKING:
    from rucket_platform.tools.pinned import ToolSet

_EXIT_FAILED = 1
_EXIT_INTERRUPTED = 130
_PIPE_WIDTH = 240


class Commands:
    """The commands, on one stack. Results go to stdout, everything else to stderr."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._progress = Progress(Console(stderr=True))
        self._tools: ToolSet = ensure_tools(self._progress)
        self._engine = Engine(workspace, self._tools, self._progress)

    def up(self) -> int:
        """Deploy, and say how to use it."""
        stack = self._workspace.stack
        changes = self._engine.up()
        _print(f"{changes} changed; stack {stack} is up" if changes else f"{stack} is up already")
        for region in read_outputs(self._engine.outputs()):
            _print("\n" + "\n".join(lines_for(region, stack)))
        return 0

    def down(self) -> int:
        """Remove everything, data as declared."""
        removed = self._engine.destroy()
        _print(f"{removed} removed; nothing of stack {self._workspace.stack} runs")
        return 0

    def status(self) -> int:
        """Show the nodes as they are; 1 unless all run."""
        nodes = look_at_nodes(self._engine.resources(), ByImage())
        if not nodes:
            _print(f"stack {self._workspace.stack} has no nodes")
            return 0
        # A pipe has no width; a table folded to 80 columns could not be read by a program.
        width = None if sys.stdout.isatty() else _PIPE_WIDTH
        Console(width=width).print(table_of(nodes))
        return 0 if all(node.status is NodeStatus.RUNNING for node in nodes) else _EXIT_FAILED

    def outputs(self) -> int:
        """Print the outputs as one JSON object."""
        show_secrets = os.environ.get("SHOW_SECRETS") == "1"
        regions = read_outputs(self._engine.outputs())
        _print(json.dumps(as_json(regions, show_secrets=show_secrets), indent=2))
        return 0

    def env(self) -> int:
        """Print shell commands that make `pulumi`, typed in `infra/`, work on this stack."""
        self._engine.create_stack()
        _print("unset " + " ".join(OVERRIDING_VARIABLES))
        for name, value in environment(self._workspace, self._tools).items():
            _print(f"export {name}={shlex.quote(value)}")
        return 0

    def credentials(self, region_name: str | None, user_name: str | None) -> int:
        """Print shell commands that give S3 clients a region's credentials."""
        region = find_region(read_outputs(self._engine.outputs()), region_name)
        user = region.user(user_name) if user_name else None
        for line in exports_for(region, user):
            _print(line)
        return 0


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 if it did what was asked."""
    options = _parser().parse_args(arguments)
    try:
        commands = Commands(open_workspace(options.stack))
        if options.command == "credentials":
            return commands.credentials(options.region, options.user)
        run = getattr(commands, options.command)
        return int(run())
    except PlatformError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 -- a command's output
        return _EXIT_FAILED
    except KeyboardInterrupt:
        print("interrupted; run it again to go on", file=sys.stderr)  # noqa: T201 -- likewise
        return _EXIT_INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rucket_platform.stacks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    described = {
        "up": "deploy the stack's topology, or heal it",
        "down": "destroy it; data is kept or removed as the stack file says",
        "status": "show the nodes as they are now",
        "outputs": "print endpoints and credentials as JSON (SHOW_SECRETS=1 shows secrets)",
        "env": "print what a shell needs for plain pulumi in infra/",
        "credentials": "print what a shell needs for S3 clients",
    }
    for name, description in described.items():
        command = commands.add_parser(name, help=description, description=description)
        command.add_argument("--stack", default=None, help=f"default: {DEFAULT_STACK}")
        if name == "credentials":
            command.add_argument("--region", default=None, help="may be left out if there is one")
            command.add_argument("--user", default=None, help="a declared user; default: root")
    return parser


def _print(text: str) -> None:
    print(text)  # noqa: T201 -- a command's output


if __name__ == "__main__":
    sys.exit(main())
