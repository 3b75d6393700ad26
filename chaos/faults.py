"""What can be done to a stage, and undone."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rucket_platform.faults.processes import Role, kill_group, members, send_to_one

if TYPE_CHECKING:
    from chaos.stage import Stage
    from rucket_platform.faults.toxiproxy import Toxic


@dataclass(frozen=True, slots=True)
class Network:
    """Toxics between clients and server."""

    name: str
    toxics: tuple[Toxic, ...]

    def begin(self, stage: Stage) -> None:
        """Add them."""
        for toxic in self.toxics:
            stage.proxy.add(toxic)

    def end(self, stage: Stage) -> None:
        """Remove them."""
        for toxic in self.toxics:
            stage.proxy.remove(toxic)


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Connections are closed, new ones refused."""

    name: str = "down"

    def begin(self, stage: Stage) -> None:
        """Close."""
        stage.proxy.set_up(is_up=False)

    def end(self, stage: Stage) -> None:
        """Open."""
        stage.proxy.set_up(is_up=True)


@dataclass(frozen=True, slots=True)
class KillAll:
    """kill -9 of the whole server; it is started again when the fault ends."""

    name: str = "kill -9 of all"

    def begin(self, stage: Stage) -> None:
        """Kill."""
        kill_group(stage.pid)

    def end(self, stage: Stage) -> None:
        """Start."""
        stage.start_server()


@dataclass(frozen=True, slots=True)
class KillOne:
    """kill -9 of one process of a role: the server has to bring it back by itself."""

    role: Role

    @property
    def name(self) -> str:
        """In a few words."""
        return f"kill -9 {self.role}"

    def begin(self, stage: Stage) -> None:
        """Kill."""
        send_to_one(stage.pid, self.role, signal.SIGKILL)

    def end(self, stage: Stage) -> None:
        """Nothing: bringing it back is the server's matter."""


@dataclass(frozen=True, slots=True)
class Pause:
    """SIGSTOP of all processes of a role, as a stalled machine or a debugger would."""

    role: Role

    @property
    def name(self) -> str:
        """In a few words."""
        return f"SIGSTOP {self.role}"

    def begin(self, stage: Stage) -> None:
        """Stop them."""
        for process in members(stage.pid, self.role):
            process.suspend()

    def end(self, stage: Stage) -> None:
        """Let them go on."""
        for process in members(stage.pid, self.role):
            process.resume()


@dataclass(frozen=True, slots=True)
class DiskFull:
    """All room on the server's disk is taken."""

    name: str = "disk full"

    def begin(self, stage: Stage) -> None:
        """Fill it."""
        stage.disk.fill()

    def end(self, stage: Stage) -> None:
        """Give the room back."""
        stage.disk.free()


@dataclass(frozen=True, slots=True)
class ClockJump:
    """The server's clock is off."""

    offset_s: int

    @property
    def name(self) -> str:
        """In a few words."""
        return f"clock {self.offset_s:+} s"

    def begin(self, stage: Stage) -> None:
        """Jump."""
        stage.set_clock(self.offset_s)

    def end(self, stage: Stage) -> None:
        """Jump back."""
        stage.set_clock(0)
