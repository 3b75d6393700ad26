"""The simulator's scheduler, processes and clocks."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

import pytest

from tests.simulator.errors import (
    Cancelled,
    DeadlockError,
    ProcessKilled,
    SimulationError,
    UnawaitedFailureError,
)
from tests.simulator.machine import SimulatedMachine
from tests.simulator.process import Process, SimulatedClock, SimulatedTasks
from tests.simulator.scheduler import Scheduler
from tests.simulator.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Coroutine


class Run:
    """A scheduler with one process."""

    def __init__(self, seed: int = 1) -> None:
        self.trace = Trace()
        self.scheduler = Scheduler(seed, self.trace)
        self.process = Process(self.scheduler, "process")
        self.tasks = SimulatedTasks(self.process)

    def run(self, main: Coroutine[Any, Any, Any]) -> Any:
        """Runs `main` to its end."""
        try:
            return self.scheduler.run(self.process, main)
        finally:
            self.scheduler.close()


def order_of_three(seed: int) -> tuple[list[int], str]:
    """In which order three tasks have run, and the trace of that."""
    run = Run(seed)
    order: list[int] = []

    async def note(number: int) -> None:
        await run.tasks.run_blocking(order.append, number)
        await run.tasks.sleep(0.001)

    async def main() -> None:
        for task in [run.tasks.spawn(note(number), f"note-{number}") for number in range(3)]:
            await task

    run.run(main())
    return order, run.trace.hexdigest()


def test_same_seed_takes_the_same_steps() -> None:
    """Two runs of one seed have the same trace; other seeds find other orders."""
    runs = [order_of_three(seed) for seed in range(20)]

    assert runs == [order_of_three(seed) for seed in range(20)]
    assert len({tuple(order) for order, _ in runs}) > 1
    assert len({digest for _, digest in runs}) == len(runs)


def test_asyncio_is_not_there() -> None:
    """Code that waits for asyncio and not for a port fails at once."""

    async def main() -> None:
        await asyncio.sleep(0.1)

    with pytest.raises(RuntimeError, match="no running event loop"):
        Run().run(main())


def test_foreign_awaitables_fail_the_run() -> None:
    """What a coroutine yields has to be a port's."""

    async def main() -> None:
        await asyncio.sleep(0)

    with pytest.raises(SimulationError, match="no port's"):
        Run().run(main())


def test_deadlock_is_reported_with_the_tasks_that_wait() -> None:
    """When nothing can happen any more, the error names who waits for what."""
    run = Run()

    async def main() -> None:
        await run.tasks.promise()

    with pytest.raises(DeadlockError, match="process/main awaits a promise"):
        run.run(main())


def test_unawaited_failure_fails_the_run() -> None:
    """An exception in a task that nobody awaits isn't lost."""
    run = Run()

    async def fail() -> None:
        raise ValueError("lost")

    async def main() -> None:
        run.tasks.spawn(fail(), "fail")
        await run.tasks.sleep(1)

    with pytest.raises(UnawaitedFailureError, match="process/fail"):
        run.run(main())


def test_promises_are_not_set_from_blocking_work() -> None:
    """Blocking work is another thread in production, where setting a promise is a race."""
    run = Run()

    async def main() -> None:
        await run.tasks.run_blocking(run.tasks.promise().set_result, None)

    with pytest.raises(SimulationError, match="another thread"):
        run.run(main())


def test_disk_is_not_used_on_the_loop() -> None:
    """What blocks belongs into `run_blocking`; called from a task it fails the run."""
    run = Run()
    machine = SimulatedMachine(run.scheduler, "machine")
    disk = machine.device.attach(run.process)

    async def main() -> None:
        await run.tasks.run_blocking(disk.make_directory, "/data")
        disk.list_directory("/data")

    with pytest.raises(SimulationError, match="blocks the loop"):
        run.run(main())


def test_sleep_takes_virtual_time_only() -> None:
    """An hour passes at once."""
    run = Run()
    clock = SimulatedClock(run.scheduler, "machine")

    async def main() -> float:
        await run.tasks.sleep(3600)
        return clock.monotonic_s()

    assert run.run(main()) == pytest.approx(3600)


def test_wall_clock_steps_and_monotonic_clock_does_not() -> None:
    """The wall clock is set back now and then; the other clock never is."""
    run = Run()
    clock = SimulatedClock(run.scheduler, "machine", step_ms_max=10_000)
    moments: list[tuple[int, float]] = []

    async def main() -> None:
        for _ in range(100):
            moments.append((clock.wall_ms(), clock.monotonic_s()))
            await run.tasks.sleep(1)

    run.run(main())
    pairs = list(itertools.pairwise(moments))

    assert any(later[0] < earlier[0] for earlier, later in pairs)
    assert all(later[1] > earlier[1] for earlier, later in pairs)


def test_within_cancels_what_takes_too_long() -> None:
    """The awaitable is cancelled and cleans up before TimeoutError is raised."""
    run = Run()
    steps: list[str] = []

    async def slow() -> None:
        try:
            await run.tasks.sleep(10)
        finally:
            steps.append("cleaned up")

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await run.tasks.within(1, slow())
        steps.append("timed out")

    run.run(main())

    assert steps == ["cleaned up", "timed out"]


def test_within_returns_what_is_in_time() -> None:
    """A result in time is the result, and no time-out comes later."""
    run = Run()

    async def main() -> str:
        result = await run.tasks.within(1, run.tasks.run_blocking(lambda: "result"))
        await run.tasks.sleep(10)
        return result

    assert run.run(main()) == "result"


def test_cancelled_task_raises_where_it_waits() -> None:
    """`cancel` raises Cancelled in the task, and in who awaits the task."""
    run = Run()

    async def main() -> bool:
        task = run.tasks.spawn(run.tasks.sleep(10), "sleep")
        await run.tasks.sleep(1)
        task.cancel()
        try:
            await task
        except Cancelled:
            return True
        return False

    assert run.run(main())


def test_blocking_work_outlives_the_task_that_awaits_it() -> None:
    """Work that has been handed over is done, though nobody waits for it any more."""
    run = Run()
    done: list[str] = []

    async def main() -> None:
        task = run.tasks.spawn(run.tasks.run_blocking(done.append, "done"), "work")
        await run.tasks.sleep(0)
        task.cancel()
        with pytest.raises(Cancelled):
            await task
        await run.tasks.sleep(1)

    run.run(main())

    assert done == ["done"]


def test_killed_process_runs_nothing_any_more() -> None:
    """The tasks of a killed process vanish: neither they nor their clean-up go on."""
    run = Run()
    victim = Process(run.scheduler, "victim")
    victim_tasks = SimulatedTasks(victim)
    steps: list[str] = []

    async def live() -> None:
        try:
            await victim_tasks.sleep(2)
            steps.append("woke up")
        finally:
            if victim.alive:
                steps.append("cleaned up alive")

    async def main() -> None:
        victim_tasks.spawn(live(), "live")
        await run.tasks.sleep(1)
        victim.kill()
        await run.tasks.sleep(10)

    run.run(main())

    assert steps == []


def test_ports_of_a_killed_process_refuse() -> None:
    """Whatever a dead process tries through a port fails with ProcessKilled."""
    run = Run()
    victim = Process(run.scheduler, "victim")
    victim.kill()

    with pytest.raises(ProcessKilled):
        SimulatedTasks(victim).promise()
