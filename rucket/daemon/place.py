"""A place for a process: one after the other works there, under the same name."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Final

from rucket.daemon.handshake import READY, REFUSED, STOP_SIGNAL, ChildOrder, ExitCode
from rucket.daemon.process import ChildProcess

if TYPE_CHECKING:
    from rucket.daemon.settings import Settings

EARLY_S: Final = 10.0
"""A process that ends sooner than this after its start is not started again at once."""

RESTART_PAUSE_S_MIN: Final = 0.1
RESTART_PAUSE_S_MAX: Final = 5.0

_DOUBLINGS_MAX: Final = 16


def restart_pause_s(early_ends: int) -> float:
    """The pause after so many early ends in a row."""
    if early_ends == 0:
        return 0.0
    doublings = min(early_ends - 1, _DOUBLINGS_MAX)
    return min(RESTART_PAUSE_S_MAX, RESTART_PAUSE_S_MIN * 2.0**doublings)


def describe_exit(code: int) -> str:
    """How a process ended, for people."""
    if code < 0:
        try:
            return f"signal {signal.Signals(-code).name}"
        except ValueError:  # a real-time signal
            return f"signal {-code}"
    return f"exit code {code}"


class Place:
    """A place for a process.

    Args:
        role: what is done here.
        name: the role, with a number where there are several.
        module: what the process runs.
        settings: the server's.
        held_descriptor: see `ChildProcess`.

    Attributes:
        process: who works here now.
        is_ready: whether it does.
        refusal: why it ends, where it said so.
        start_at: the earliest moment for the next start, in seconds of the monotonic clock.
        early_ends: how many processes in a row ended soon after their start.
    """

    def __init__(
        self, role: str, name: str, module: str, settings: Settings, held_descriptor: int
    ) -> None:
        self.role = role
        self.name = name
        self.process: ChildProcess | None = None
        self.is_ready = False
        self.refusal = ""
        self.start_at = 0.0
        self.early_ends = 0
        self._module = module
        self._settings = settings
        self._held_descriptor = held_descriptor
        self._started_at = 0.0

    def start(self, now: float, metrics_directory: str) -> ChildProcess:
        """Starts a process.

        Raises:
            OSError: there are no resources for another one.
        """
        self._started_at = now
        self.refusal = ""
        order = ChildOrder(self.role, self.name, os.getpid(), metrics_directory)
        self.process = ChildProcess(self._module, order, self._settings, self._held_descriptor)
        return self.process

    def hear(self) -> bool:
        """Takes in what the process has said; whether it just became ready."""
        assert self.process is not None, "nobody is here to be heard"
        became_ready = False
        for line in self.process.read_lines():
            if line == READY:
                became_ready = self.is_ready = True
            elif line.startswith(REFUSED):
                self.refusal = line.removeprefix(REFUSED).decode(errors="replace")
        return became_ready

    def signal(self, number: signal.Signals) -> None:
        """Signals the process, if there is one."""
        if self.process is not None:
            self.process.send_signal(number)

    def leave(self, now: float) -> None:
        """Says that the process has ended, and decides when the next one may start."""
        if self.process is not None:
            self.process.close()
        self.process = None
        self.is_ready = False
        self.early_ends = self.early_ends + 1 if now - self._started_at < EARLY_S else 0
        self.start_at = now + restart_pause_s(self.early_ends)


def ended_well(code: int) -> bool:
    """Whether a process that was told to end did so: drained, or before it had begun."""
    return code in {ExitCode.DRAINED, -STOP_SIGNAL, -signal.SIGTERM}
