"""Simulated processes, and what each of them sees of time, tasks and randomness."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from tests.simulator.errors import Cancelled, ProcessKilled

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from tests.simulator.scheduler import Scheduler, SimulatedPromise, SimulatedTask

T = TypeVar("T")

WALL_CLOCK_START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z

_WORK_DELAYS_S = (0.00005, 0.0002, 0.001, 0.02)


class Process:
    """Tasks, open files and connections that end together.

    Attributes:
        dropped_tasks: those that were there when the process was killed; kept, never resumed.
    """

    def __init__(self, scheduler: Scheduler, name: str) -> None:
        self.name = name
        self.alive = True
        self.scheduler = scheduler
        self.tasks: dict[int, SimulatedTask[Any]] = {}
        self.dropped_tasks: list[SimulatedTask[Any]] = []
        self._at_end: dict[int, Callable[[], None]] = {}
        self._at_end_count = 0
        scheduler.processes.append(self)

    def at_end(self, call: Callable[[], None]) -> Callable[[], None]:
        """Has `call` made when the process ends; the result takes that back."""
        self._at_end_count += 1
        number = self._at_end_count
        self._at_end[number] = call

        def forget() -> None:
            self._at_end.pop(number, None)

        return forget

    def check_alive(self) -> None:
        """Every call of a port begins with this.

        Raises:
            ProcessKilled: the process is dead.
        """
        if not self.alive:
            raise ProcessKilled(self.name)

    def kill(self) -> None:
        """Ends the process at once: nothing of it runs any more."""
        if not self.alive:
            return
        self.scheduler.trace.add(self.scheduler.now_s, self.name, "is killed")
        self.scheduler.check_failures(self)
        self.alive = False
        self.dropped_tasks.extend(self.tasks.values())
        self.tasks.clear()
        calls = list(self._at_end.values())
        self._at_end.clear()
        for call in calls:
            call()


class SimulatedTasks:
    """The `Tasks` port of a process.

    Args:
        process: whose tasks these are.
        delay_scale: how slow its blocking work is, compared to the usual.
    """

    def __init__(self, process: Process, delay_scale: float = 1.0) -> None:
        self._process = process
        self._scheduler = process.scheduler
        self._random = self._scheduler.random
        self._delay_scale = delay_scale

    def spawn(self, coroutine: Coroutine[Any, Any, T], name: str) -> SimulatedTask[T]:
        """See `Tasks.spawn`."""
        if not self._process.alive:
            coroutine.close()  # nobody ever will
        self._process.check_alive()
        return self._scheduler.spawn(self._process, coroutine, name)

    def promise(self) -> SimulatedPromise[Any]:
        """See `Tasks.promise`."""
        self._process.check_alive()
        return self._scheduler.promise(f"a promise of {self._process.name}")

    async def sleep(self, seconds: float) -> None:
        """See `Tasks.sleep`."""
        self._process.check_alive()
        promise = self._scheduler.promise(f"a sleep of {seconds} s")
        timer = self._scheduler.call_later(seconds, lambda: promise.set_result(None), self._process)
        try:
            await promise
        finally:
            timer.cancel()

    async def run_blocking(self, work: Callable[..., T], *arguments: Any) -> T:
        """See `Tasks.run_blocking`. The work is one step, some time after the call and some time
        before its result is known."""
        self._process.check_alive()
        done = self._scheduler.promise(f"blocking work {_name(work)}")

        def begin() -> None:
            self._scheduler.trace.add(
                self._scheduler.now_s, self._process.name, f"works on {_name(work)}"
            )
            settle: Callable[[], None]
            try:
                result = self._scheduler.run_work(self._process, lambda: work(*arguments))
            except ProcessKilled:
                if self._process.alive:
                    raise
                return
            except Exception as error:  # noqa: BLE001 - belongs to whoever awaits the work
                failure = error
                settle = lambda: done.set_exception(failure)  # noqa: E731
            else:
                settle = lambda: done.set_result(result)  # noqa: E731
            if self._process.alive:
                self._scheduler.call_later(self._delay_s(), settle, self._process)

        self._scheduler.call_later(self._delay_s(), begin, self._process)
        return await done  # type: ignore[no-any-return]

    async def within(self, seconds: float, awaitable: Awaitable[T]) -> T:
        """See `Tasks.within`. The awaitable runs in the calling task, as with asyncio.timeout."""
        self._process.check_alive()
        task = self._scheduler.current_task
        assert task is not None
        expired = False

        def expire() -> None:
            nonlocal expired
            expired = True
            task.cancel()

        timer = self._scheduler.call_later(seconds, expire, self._process)
        try:
            return await awaitable
        except Cancelled as cancelled:
            if expired:
                raise TimeoutError from cancelled
            raise
        finally:
            timer.cancel()

    def _delay_s(self) -> float:
        return self._random.choice(_WORK_DELAYS_S) * self._random.random() * self._delay_scale


def _name(work: Callable[..., Any]) -> str:
    return str(getattr(work, "__qualname__", type(work).__name__))


class SimulatedClock:
    """The `Clock` port: virtual time, and a wall clock that is set back and forth now and then.

    Args:
        scheduler: has the time.
        name: clocks of different machines differ.
        step_ms_max: how far the wall clock is off at most; 0 for a perfect one.
    """

    def __init__(self, scheduler: Scheduler, name: str, step_ms_max: int = 0) -> None:
        self._scheduler = scheduler
        self._random = scheduler.random_stream(f"clock/{name}")
        self._step_ms_max = step_ms_max
        self._start_ms = WALL_CLOCK_START_MS
        self._offset_ms = 0
        self._next_step_s = 0.0

    def wall_ms(self) -> int:
        """See `Clock.wall_ms`."""
        while self._step_ms_max and self._scheduler.now_s >= self._next_step_s:
            self._offset_ms = self._random.randint(-self._step_ms_max, self._step_ms_max)
            self._next_step_s += self._random.uniform(0.5, 5.0)
        return self._start_ms + int(self._scheduler.now_s * 1000) + self._offset_ms

    def leap(self, milliseconds: int) -> None:
        """Sets the wall clock forward, for good."""
        self._start_ms += milliseconds

    def monotonic_s(self) -> float:
        """See `Clock.monotonic_s`."""
        return self._scheduler.now_s


class SimulatedRandom:
    """The `Random` port: predictable."""

    def __init__(self, scheduler: Scheduler, name: str) -> None:
        self._random = scheduler.random_stream(f"random/{name}")

    def token_bytes(self, size_bytes: int) -> bytes:
        """See `Random.token_bytes`."""
        return self._random.randbytes(size_bytes)

    def uniform(self, low: float, high: float) -> float:
        """See `Random.uniform`."""
        return self._random.uniform(low, high)
