"""A simulated machine: one disk, one index, one clock, and the processes that use them.

The machine also knows where to crash: a *crash point* is passed before every disk and index
operation, and whoever arms the machine has it crash there, in the middle of what a process does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulator.disk import SimulatedDevice
from tests.simulator.index import SimulatedIndexFile
from tests.simulator.process import Process, SimulatedClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulator.scheduler import Scheduler


class SimulatedMachine:
    """What processes have in common, and what a power cut takes from them.

    Args:
        scheduler: runs the processes.
        name: names them, too.
        clock_step_ms_max: how far off the wall clock may be.
    """

    def __init__(self, scheduler: Scheduler, name: str, clock_step_ms_max: int = 0) -> None:
        self.scheduler = scheduler
        self.name = name
        self.clock = SimulatedClock(scheduler, name, clock_step_ms_max)
        self.device = SimulatedDevice(scheduler, self.clock, name)
        self.index_file = SimulatedIndexFile(scheduler, name)
        self.device.crash_point = self._pass_crash_point
        self.index_file.crash_point = self._pass_crash_point
        self._processes: list[Process] = []
        self._start_count = 0
        self._countdown = 0
        self._crash: Callable[[], None] | None = None
        self._crash_word = ""

    def start(self, name: str) -> Process:
        """A new process."""
        self._start_count += 1
        process = Process(self.scheduler, f"{name}.{self._start_count}")
        self._processes = [*(known for known in self._processes if known.alive), process]
        return process

    def cut_power(self) -> None:
        """Ends all processes, and what wasn't durable is lost."""
        self._crash = None
        for process in self._processes:
            process.kill()
        self.device.cut_power()
        self.index_file.cut_power()

    def crash_at_operation(self, count: int, crash: Callable[[], None], word: str = "") -> None:
        """Calls `crash` right before the disk or index operation that is `count` ahead; only those
        with `word` in what they do are counted."""
        self._countdown, self._crash, self._crash_word = count, crash, word

    def forget_crash(self) -> None:
        """Takes that back."""
        self._crash = None

    def _pass_crash_point(self, what: str) -> None:
        if self._crash is None or self._crash_word not in what:
            return
        self._countdown -= 1
        if self._countdown <= 0:
            crash, self._crash = self._crash, None
            self.scheduler.trace.add(self.scheduler.now_s, self.name, f"crashes before {what}")
            crash()
