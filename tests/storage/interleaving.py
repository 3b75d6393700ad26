"""Blocking work that takes turns at every disk operation, as threads of a real process do.

The simulator's own tasks carry out blocking work in one step. Here each piece of work runs in a
thread, of which only one runs at a time: it stops before every operation, and goes on when its
timer, which the seed decides, is due.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, TypeVar

from tests.simulator.process import SimulatedTasks
from tests.simulator.threads import SimulatedThreads

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulator.process import Process

T = TypeVar("T")

_here = threading.local()
_THREAD_DELAY_S = 0.0005


class _Strand:
    """A thread that runs only while somebody waits for it to stop again."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self._may_run = threading.Semaphore(0)
        self._has_stopped = threading.Semaphore(0)
        self.result: object = None
        self.error: BaseException | None = None
        self.is_done = False
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        self._may_run.acquire()
        _here.strand = self
        try:
            self.result = self._work()
        except BaseException as error:  # noqa: BLE001 - raised again where the work is awaited
            self.error = error
        self.is_done = True
        self._has_stopped.release()

    def go_on(self) -> None:
        """Runs up to the next operation, or to the end."""
        self._may_run.release()
        self._has_stopped.acquire()

    def stop(self) -> None:
        """Lets others run."""
        self._has_stopped.release()
        self._may_run.acquire()


def take_turns() -> None:
    """To be called before every operation: in blocking work, lets others run first."""
    strand = getattr(_here, "strand", None)
    if isinstance(strand, _Strand):
        strand.stop()


class InterleavedThreads(SimulatedThreads):
    """The `Threads` port for work that takes turns: who waits lets others go on."""

    def __init__(self, process: Process) -> None:
        super().__init__(process, take_turns, self._start_strand)

    def _start_strand(self, work: Callable[[], None]) -> None:
        process = self._process
        strand = _Strand(work)

        def go_on() -> None:
            process.scheduler.run_work(process, strand.go_on)
            if strand.error is not None and process.alive:
                raise strand.error
            if not strand.is_done:
                process.scheduler.call_later(_THREAD_DELAY_S, go_on, process)

        process.scheduler.call_later(_THREAD_DELAY_S, go_on, process)


class InterleavedTasks(SimulatedTasks):
    """The `Tasks` port with blocking work that takes turns."""

    async def run_blocking(self, work: Callable[..., T], *arguments: Any) -> T:
        """See `Tasks.run_blocking`."""
        self._process.check_alive()
        done = self._scheduler.promise("interleaved blocking work")
        strand = _Strand(lambda: work(*arguments))

        def go_on() -> None:
            self._scheduler.run_work(self._process, strand.go_on)
            if not strand.is_done:
                self._scheduler.call_later(self._delay_s(), go_on, self._process)
            elif strand.error is not None:
                done.set_exception(strand.error)
            else:
                done.set_result(strand.result)

        self._scheduler.call_later(self._delay_s(), go_on, self._process)
        return await done  # type: ignore[no-any-return]
