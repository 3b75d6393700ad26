"""The `Threads` port, simulated.

Where blocking work is one step, nobody ever meets anybody: what would wait waits for ever, and is a
fault of the code. Where it takes turns (`tests.storage.interleaving`), who waits lets others run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulator.errors import ProcessKilled, SimulationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from tests.simulator.process import Process

_TURNS_MAX = 1_000_000
_START_DELAY_S_MAX = 0.01


def _nobody_else_runs() -> None:
    raise SimulationError("blocking work waits for other work, but is alone")


class SimulatedLock:
    """The `Lock` port."""

    def __init__(self, pause: Callable[[], None]) -> None:
        self._pause = pause
        self._is_held = False

    def __enter__(self) -> None:
        """Waits until nobody holds it."""
        _wait_until(lambda: not self._is_held, self._pause)
        self._is_held = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Lets it go."""
        self._is_held = False


class SimulatedSignal:
    """The `Signal` port."""

    def __init__(self, pause: Callable[[], None]) -> None:
        self._pause = pause
        self._is_set = False

    def set(self) -> None:
        """See `Signal.set`."""
        self._is_set = True

    def wait(self) -> None:
        """See `Signal.wait`."""
        _wait_until(lambda: self._is_set, self._pause)


class SimulatedThreads:
    """The `Threads` port of a process.

    Args:
        pause: lets other work run for a while.
        start_work: runs a thread's work as one of the process, some time later.
    """

    def __init__(
        self,
        process: Process,
        pause: Callable[[], None] = _nobody_else_runs,
        start_work: Callable[[Callable[[], None]], None] | None = None,
    ) -> None:
        self._process = process
        self._pause = pause
        self._start_work = start_work or self._start_alone

    def lock(self) -> SimulatedLock:
        """See `Threads.lock`."""
        return SimulatedLock(self._pause)

    def signal(self) -> SimulatedSignal:
        """See `Threads.signal`."""
        return SimulatedSignal(self._pause)

    def start(self, work: Callable[[], None], name: str) -> None:  # noqa: ARG002 - the port's
        """See `Threads.start`."""
        self._process.check_alive()
        self._start_work(work)

    def _start_alone(self, work: Callable[[], None]) -> None:
        scheduler = self._process.scheduler

        def run() -> None:
            try:
                scheduler.run_work(self._process, work)
            except ProcessKilled:
                if self._process.alive:
                    raise

        scheduler.call_later(scheduler.random.random() * _START_DELAY_S_MAX, run, self._process)


def _wait_until(is_so: Callable[[], bool], pause: Callable[[], None]) -> None:
    for _ in range(_TURNS_MAX):
        if is_so():
            return
        pause()
    raise SimulationError("waits without end")
