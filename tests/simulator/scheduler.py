"""A deterministic scheduler: coroutines, virtual time, and one seed that decides every order.

It is a trampoline of its own and not asyncio, so that code which waits for anything but a port
fails at once: there is no running event loop to be found, and what it yields isn't ours.

Whichever tasks are ready, the next one is picked at random; timers fire in the order of their
times, equal ones at random. Time stands still while anything is ready. Nothing here depends on
addresses, hashes or the real clock: the same seed takes the same steps.

A task belongs to a `Process`. Killing a process drops its tasks where they stand: they are never
resumed, and their ``finally`` blocks don't run, as after ``kill -9``. They are closed at the very
end (`Scheduler.close`), when whatever they still try is refused by the dead process.
"""

from __future__ import annotations

import contextlib
import contextvars
import gc
import heapq
import random
import sys
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from tests.simulator.errors import (
    Cancelled,
    DeadlockError,
    LivelockError,
    ProcessKilled,
    SimulationError,
    UnawaitedFailureError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

    from tests.simulator.process import Process
    from tests.simulator.trace import Trace

T = TypeVar("T")

TURN_COUNT_MAX = 300_000
_UNAWAITED_GRACE_S = 1.0


class SimulatedPromise(Generic[T]):
    """The `Promise` port. As with an asyncio future, cancelling a task that awaits a promise
    cancels the promise, for everybody else who awaits it, too."""

    def __init__(self, scheduler: Scheduler, label: str) -> None:
        self.label = label
        self.awaited = False
        self._scheduler = scheduler
        self._waiters: list[SimulatedTask[Any]] = []
        self._done = False
        self._value: T | None = None
        self._error: BaseException | None = None

    def set_result(self, value: T) -> None:
        """See `Promise.set_result`."""
        self._settle(value, None)

    def set_exception(self, error: BaseException) -> None:
        """See `Promise.set_exception`."""
        self._settle(None, error)

    def done(self) -> bool:
        """See `Promise.done`."""
        return self._done

    def cancel(self) -> None:
        """Raises `Cancelled` in everybody who awaits it."""
        self._settle(None, Cancelled(self.label))

    def _settle(self, value: T | None, error: BaseException | None) -> None:
        self._scheduler.refuse_in_blocking_work(f"set {self.label}")
        if self._done:
            return
        self._done, self._value, self._error = True, value, error
        waiters, self._waiters = self._waiters, []
        for task in waiters:
            self._scheduler.make_ready(task)

    def park(self, task: SimulatedTask[Any]) -> bool:
        """Wakes `task` when the promise is set; False if it is set already."""
        if self._done:
            return False
        self._waiters.append(task)
        return True

    def __await__(self) -> Generator[Any, Any, T]:
        self.awaited = True
        while not self._done:
            yield self
        if self._error is not None:
            raise self._error
        return cast("T", self._value)


class SimulatedTask(SimulatedPromise[T]):
    """The `Task` port: a promise that a coroutine keeps."""

    def __init__(
        self,
        scheduler: Scheduler,
        process: Process,
        coroutine: Coroutine[Any, Any, T],
        name: str,
    ) -> None:
        super().__init__(scheduler, name)
        self.name = name
        self.process = process
        self.coroutine = coroutine
        self.waiting_for: SimulatedPromise[Any] | None = None
        self._context = contextvars.copy_context()
        self._cancel_requested = False
        self._started = False

    def cancel(self) -> None:
        """See `Task.cancel`. What the task awaits is cancelled, as asyncio does it."""
        if self.done():
            return
        if self.waiting_for is not None and not self.waiting_for.done():
            self.waiting_for.cancel()
        else:
            self._cancel_requested = True

    def step(self) -> SimulatedPromise[Any] | None:
        """Runs the coroutine up to its next wait; None at its end."""
        self.waiting_for = None
        try:
            if self._cancel_requested:
                self._cancel_requested = False
                waits_for = self._context.run(self.coroutine.throw, Cancelled(self.name))
            else:
                waits_for = self._context.run(self.coroutine.send, None)
        except StopIteration as stop:
            self.set_result(stop.value)
            return None
        if not isinstance(waits_for, SimulatedPromise):
            raise SimulationError(f"{self.name} awaits {waits_for!r}, which is no port's")
        return waits_for


class Timer:
    """A call that is due at some time."""

    __slots__ = ("cancelled", "due", "process")

    def __init__(self, due: Callable[[], None], process: Process | None) -> None:
        self.due = due
        self.process = process
        self.cancelled = False

    def cancel(self) -> None:
        """The call won't be made."""
        self.cancelled = True


class Scheduler:
    """Runs the tasks of all processes of one run.

    Args:
        seed: decides everything.
        trace: is told every step.
    """

    def __init__(self, seed: int | str, trace: Trace) -> None:
        self.seed = seed
        self.trace = trace
        self.random = self.random_stream("scheduler")
        self.now_s = 0.0
        self.turn_count = 0
        self.current_process: Process | None = None
        self.current_task: SimulatedTask[Any] | None = None
        self.processes: list[Process] = []
        self._ready: list[SimulatedTask[Any]] = []
        self._timers: list[tuple[float, float, int, Timer]] = []
        self._timer_count = 0
        self._in_blocking_work = False
        self._failures: list[tuple[float, SimulatedTask[Any], BaseException]] = []

    def random_stream(self, name: str) -> random.Random:
        """Randomness for one purpose, independent of how much others use."""
        return random.Random(f"{self.seed}/{name}")

    def promise(self, label: str = "a promise") -> SimulatedPromise[Any]:
        """A new, unset promise."""
        return SimulatedPromise(self, label)

    def spawn(
        self, process: Process, coroutine: Coroutine[Any, Any, T], name: str
    ) -> SimulatedTask[T]:
        """Starts a task of `process`."""
        self.refuse_in_blocking_work(f"spawn {name}")
        task = SimulatedTask(self, process, coroutine, f"{process.name}/{name}")
        process.tasks[id(task)] = task
        self.make_ready(task)
        return task

    def call_later(
        self, delay_s: float, due: Callable[[], None], process: Process | None = None
    ) -> Timer:
        """Calls `due` in `delay_s` seconds of virtual time, unless `process` is dead by then."""
        timer = Timer(due, process)
        self._timer_count += 1
        when = self.now_s + max(delay_s, 0.0)
        heapq.heappush(self._timers, (when, self.random.random(), self._timer_count, timer))
        return timer

    def make_ready(self, task: SimulatedTask[Any]) -> None:
        """Has `task` run in a turn to come."""
        if task.process.alive:
            self._ready.append(task)

    def refuse_in_blocking_work(self, what: str) -> None:
        """Fails the run if called from `run_blocking`: in production that is another thread."""
        if self._in_blocking_work:
            raise SimulationError(f"{what}: not from blocking work, which is another thread")

    def refuse_on_loop(self, what: str) -> None:
        """Fails the run if called from a task: in production that would block the event loop."""
        if self.current_task is not None:
            raise SimulationError(f"{what}: blocks the loop; it belongs into run_blocking")

    def run_work(self, process: Process, work: Callable[[], T]) -> T:
        """Calls `work` as a thread of `process` would."""
        self.current_process, self._in_blocking_work = process, True
        try:
            return work()
        finally:
            self.current_process, self._in_blocking_work = None, False

    def run(self, process: Process, main: Coroutine[Any, Any, T]) -> T:
        """Runs everything until `main`, a task of `process`, has ended, and returns its result.

        Raises:
            SimulationError: the run can't go on, or a task failed and nobody cared.
        """
        task = self.spawn(process, main, "main")
        task.awaited = True
        while not task.done():
            self._turn()
        self.check_failures()
        outcome = task.__await__()
        try:
            next(outcome)
        except StopIteration as stop:
            return cast("T", stop.value)
        raise SimulationError("the main task isn't done")

    def _turn(self) -> None:
        self.turn_count += 1
        if self.turn_count > TURN_COUNT_MAX:
            raise LivelockError(f"no end after {TURN_COUNT_MAX} turns; ready: {self._ready[:5]}")
        if self._ready:
            self._run_one_task()
        elif self._timers:
            self._fire_one_timer()
        else:
            raise DeadlockError(self._waiting_tasks())

    def _run_one_task(self) -> None:
        place = self.random.randrange(len(self._ready))
        self._ready[place], self._ready[-1] = self._ready[-1], self._ready[place]
        task = self._ready.pop()
        if not task.process.alive:
            return
        self.trace.add(self.now_s, task.name, "runs")
        self.current_task, self.current_process = task, task.process
        try:
            waits_for = task.step()
        except SimulationError:
            raise
        except BaseException as error:  # noqa: BLE001 - the task's, not ours
            self._task_failed(task, error)
            return
        finally:
            self.current_task = self.current_process = None
        if waits_for is None:
            task.process.tasks.pop(id(task), None)
        elif task.process.alive:
            task.waiting_for = waits_for
            if not waits_for.park(task):
                self.make_ready(task)

    def _task_failed(self, task: SimulatedTask[Any], error: BaseException) -> None:
        if not task.process.alive:
            return
        if isinstance(error, (KeyboardInterrupt, SystemExit, ProcessKilled)):
            raise error
        task.process.tasks.pop(id(task), None)
        self.trace.add(self.now_s, task.name, f"ends with {type(error).__name__}")
        task.set_exception(error)
        if not isinstance(error, Cancelled):
            self._failures.append((self.now_s, task, error))

    def _fire_one_timer(self) -> None:
        when, _, _, timer = heapq.heappop(self._timers)
        if timer.cancelled or (timer.process is not None and not timer.process.alive):
            return
        self.now_s = when
        timer.due()

    def check_failures(self, process: Process | None = None) -> None:
        """Fails the run if a task (of `process`) has ended with an exception nobody awaited."""
        grace_s = 0.0 if process is None else _UNAWAITED_GRACE_S
        kept = []
        for failed_at, task, error in self._failures:
            if process is not None and task.process is not process:
                kept.append((failed_at, task, error))
            elif not task.awaited and self.now_s - failed_at >= grace_s:
                raise UnawaitedFailureError(task.name, error) from error
        self._failures = kept

    def _waiting_tasks(self) -> list[str]:
        return [
            f"{task.name} awaits {task.waiting_for.label if task.waiting_for else 'nothing'}"
            for process in self.processes
            if process.alive
            for task in process.tasks.values()
        ]

    def close(self) -> None:
        """Ends all processes and gives their coroutines back, whatever those say to it."""
        for process in self.processes:
            process.alive = False
        hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
        try:
            for process in self.processes:
                for task in [*process.tasks.values(), *process.dropped_tasks]:
                    _close_quietly(task.coroutine)
                process.tasks.clear()
                process.dropped_tasks.clear()
            self._ready.clear()
            self._timers.clear()
            gc.collect()
        finally:
            sys.unraisablehook = hook


def _close_quietly(coroutine: Coroutine[Any, Any, Any]) -> None:
    with contextlib.suppress(BaseException):  # whatever a dead process has to say
        coroutine.close()
