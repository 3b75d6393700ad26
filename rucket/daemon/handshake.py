"""What a supervisor and its children say to each other.

Down, on the child's standard input, once and then closed: two lines, the order and the settings,
both JSON. Secrets travel here and nowhere else: command lines, environments and files can be read
by others. Up, on the child's standard output: lines, each one of ::

    ready               the child does its work
    refused REASON      the child ends, and starting it again would be of no use

and in the end an exit code. A child that ends in any other way is started again.

To end, a child is told with SIGUSR1 and not SIGTERM: a shell, ``timeout`` and systemd send SIGTERM
to all processes of a server at once, and the node has to wait for the gateways, which need it.
"""

from __future__ import annotations

import enum
import json
import signal
from dataclasses import asdict, dataclass
from typing import Final

from rucket.daemon.settings import Settings
from rucket.model.errors import (
    ConfigurationError,
    CorruptionError,
    DataDirectoryError,
    OperatingError,
    UnknownFormatError,
)

STOP_SIGNAL: Final = signal.SIGUSR1

READY: Final = b"ready"
REFUSED: Final = b"refused "
LINE_SIZE_BYTES_MAX: Final = 4096


@enum.unique
class ExitCode(enum.IntEnum):
    """How a process of the server ends; 0 to 2 are those of the command line as well."""

    DRAINED = 0
    OPERATING_ERROR = 1
    CONFIGURATION_ERROR = 2
    REFUSED = 3


FINAL_EXIT_CODES: Final = frozenset({ExitCode.CONFIGURATION_ERROR, ExitCode.REFUSED})
"""Starting the child again would change nothing."""


def exit_code_of(error: OperatingError) -> ExitCode:
    """How a process ends that can't go on because of `error`."""
    match error:
        case ConfigurationError():
            return ExitCode.CONFIGURATION_ERROR
        case CorruptionError() | UnknownFormatError() | DataDirectoryError():
            return ExitCode.REFUSED
        case _:
            return ExitCode.OPERATING_ERROR


@dataclass(frozen=True, slots=True)
class ChildOrder:
    """What a child has to know besides the settings.

    Attributes:
        role: what it does, also the name of its module.
        name: the role, with a number where there are several: the name of its place, which the
            process that replaces it will have as well.
        supervisor_pid: its parent; a child with another one has outlived its supervisor.
        metrics_directory: where processes leave their metrics.
    """

    role: str
    name: str
    supervisor_pid: int
    metrics_directory: str


def encode_order(order: ChildOrder, settings: Settings) -> bytes:
    """The bytes for the child's standard input."""
    return f"{json.dumps(asdict(order))}\n{settings.to_json()}\n".encode()


def decode_order(text: bytes) -> tuple[ChildOrder, Settings] | None:
    """What `encode_order` was given; None when the supervisor went away while it wrote."""
    lines = text.split(b"\n")
    if len(lines) != 3 or lines[2]:  # noqa: PLR2004 -- two whole lines
        return None
    return ChildOrder(**json.loads(lines[0])), Settings.from_json(lines[1])
