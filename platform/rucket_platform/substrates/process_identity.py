"""Processes by pid *and* start time.

A pid alone lies twice: it is reused, and a killed process that nobody reaps (in a container
without an init) stays in the table as a zombie that answers `kill -0`. Zombies are dead here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Sequence

# psutil derives start times from clock ticks; two readings agree to within one tick.
_START_TIME_TOLERANCE_S = 0.05


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """One process, never another that got its pid later."""

    pid: int
    started_at: float


def identify(pid: int) -> ProcessIdentity | None:
    """Read the identity of a living process."""
    try:
        return ProcessIdentity(pid, psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None


def living_process(identity: ProcessIdentity) -> psutil.Process | None:
    """Find the process unless it is dead, a zombie, or another one by now."""
    try:
        process = psutil.Process(identity.pid)
        same = abs(process.create_time() - identity.started_at) <= _START_TIME_TOLERANCE_S
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def find_by_arguments(arguments: Sequence[str]) -> ProcessIdentity | None:
    """Find the oldest process whose command line ends in `arguments`.

    A start that was cut off between spawning the process and recording it is found this way.
    Children that share their parent's command line are younger than it.
    """
    wanted = list(arguments)
    found: list[ProcessIdentity] = []
    for process in psutil.process_iter():
        try:
            if (
                process.cmdline()[-len(wanted) :] == wanted
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                found.append(ProcessIdentity(process.pid, process.create_time()))
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return min(found, key=lambda identity: (identity.started_at, identity.pid), default=None)
