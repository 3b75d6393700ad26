"""The `Tasks` port on asyncio: blocking work and time-outs."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from rucket.runtime.asyncio_tasks import AsyncioTasks

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


def run(body: Callable[[AsyncioTasks], Coroutine[Any, Any, None]], thread_count: int = 1) -> None:
    """Runs `body` with the port."""

    async def main() -> None:
        tasks = AsyncioTasks(thread_count)
        try:
            await body(tasks)
        finally:
            tasks.close()

    asyncio.run(main())


def test_blocking_work_returns_and_raises_what_it_does() -> None:
    """Off the loop's thread."""

    async def body(tasks: AsyncioTasks) -> None:
        assert await tasks.run_blocking(threading.get_ident) != threading.get_ident()
        assert await tasks.run_blocking(divmod, 7, 2) == (3, 1)
        with pytest.raises(ZeroDivisionError):
            await tasks.run_blocking(divmod, 7, 0)

    run(body)


def test_no_more_calls_run_at_once_than_there_are_threads() -> None:
    """Further ones wait for their turn, and all get it."""
    running: list[int] = []
    most: list[int] = []
    enough = threading.Barrier(2, timeout=5)

    def work(number: int) -> int:
        running.append(number)
        most.append(len(running))
        enough.wait()
        running.remove(number)
        enough.wait()
        return number

    async def body(tasks: AsyncioTasks) -> None:
        calls = [tasks.run_blocking(work, number) for number in range(6)]
        assert await asyncio.gather(*calls) == list(range(6))

    run(body, thread_count=2)

    assert max(most) == 2


def test_work_whose_caller_was_cancelled_runs_to_its_end() -> None:
    """Even if it is still queued then."""
    may_go_on = threading.Event()
    done: list[str] = []

    async def body(tasks: AsyncioTasks) -> None:
        first = tasks.spawn(tasks.run_blocking(may_go_on.wait, 5), "first")
        second = tasks.spawn(tasks.run_blocking(done.append, "second"), "second")
        await asyncio.sleep(0)
        first.cancel()
        second.cancel()
        await asyncio.wait({first, second})
        assert first.cancelled()
        assert second.cancelled()
        may_go_on.set()
        await tasks.run_blocking(done.append, "third")

    run(body)

    assert done == ["second", "third"]


def test_closing_waits_for_what_was_called() -> None:
    """Nothing that was started is given up half-way."""
    done: list[int] = []

    async def main() -> None:
        tasks = AsyncioTasks(2)
        for number in range(5):
            tasks.spawn(tasks.run_blocking(done.append, number), "call")
        await asyncio.sleep(0)
        tasks.close()

    asyncio.run(main())

    assert sorted(done) == list(range(5))


def test_a_time_out_strikes_and_the_task_goes_on() -> None:
    """What was awaited is cancelled; the task isn't."""

    async def body(tasks: AsyncioTasks) -> None:
        never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with pytest.raises(TimeoutError):
            await tasks.within(0.01, never)
        assert never.cancelled()
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        await asyncio.sleep(0)  # would raise, were the task cancelled still

    run(body)


def test_what_comes_in_time_is_returned() -> None:
    """Or raised."""

    async def fail() -> None:
        raise KeyError("in time")

    async def body(tasks: AsyncioTasks) -> None:
        assert await tasks.within(5, tasks.run_blocking(str, 17)) == "17"
        with pytest.raises(KeyError):
            await tasks.within(5, fail())

    run(body)


def test_cancelling_a_task_that_waits_is_no_time_out() -> None:
    """It ends as any cancelled task does, even if the time-out has struck as well."""

    async def body(tasks: AsyncioTasks) -> None:
        loop = asyncio.get_running_loop()
        patient = tasks.spawn(tasks.within(60, loop.create_future()), "patient")
        late: asyncio.Future[None] = loop.create_future()

        async def struck_and_cancelled() -> None:
            await tasks.within(0, late)

        both = tasks.spawn(struck_and_cancelled(), "both")
        late.add_done_callback(lambda _: both.cancel())  # between the strike and the task's turn
        await asyncio.sleep(0)
        patient.cancel()
        await asyncio.wait({patient, both}, timeout=5)
        assert patient.cancelled()
        assert both.cancelled()

    run(body)


def test_time_outs_within_time_outs() -> None:
    """The inner one strikes alone, the outer one after it."""

    async def inner(tasks: AsyncioTasks) -> str:
        with pytest.raises(TimeoutError):
            await tasks.within(0.01, asyncio.sleep(60))
        await asyncio.sleep(60)
        return "too late"

    async def body(tasks: AsyncioTasks) -> None:
        with pytest.raises(TimeoutError):
            await tasks.within(0.3, inner(tasks))

    run(body)
