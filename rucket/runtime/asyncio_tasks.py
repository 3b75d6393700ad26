"""The `Tasks` port on asyncio."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, TypeVar

from rucket.runtime.deadlines import Deadlines
from rucket.runtime.worker_threads import WorkerThreads

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator

T = TypeVar("T")

_logger = logging.getLogger(__name__)


class AsyncioPromise:
    """The `Promise` port on an asyncio future."""

    __slots__ = ("_future",)

    def __init__(self, future: asyncio.Future[Any]) -> None:
        self._future = future

    def set_result(self, value: object) -> None:
        """See `Promise.set_result`."""
        if not self._future.done():
            self._future.set_result(value)

    def set_exception(self, error: BaseException) -> None:
        """See `Promise.set_exception`."""
        if not self._future.done():
            self._future.set_exception(error)

    def done(self) -> bool:
        """See `Promise.done`."""
        return self._future.done()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._future.__await__()


class AsyncioTasks:
    """The `Tasks` port on the running loop and a bounded pool of threads.

    Args:
        thread_count: how many calls may block at once; further ones queue.
    """

    def __init__(self, thread_count: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._threads = WorkerThreads(self._loop, thread_count)
        self._deadlines = Deadlines(self._loop)
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, coroutine: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """See `Tasks.spawn`."""
        task = self._loop.create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _logger.debug("task %s ended with %r", task.get_name(), error)

    def promise(self) -> AsyncioPromise:
        """See `Tasks.promise`."""
        return AsyncioPromise(self._loop.create_future())

    async def sleep(self, seconds: float) -> None:
        """See `Tasks.sleep`."""
        await asyncio.sleep(seconds)

    async def run_blocking(self, work: Callable[..., T], *arguments: Any) -> T:
        """See `Tasks.run_blocking`."""
        result: T = await self._threads.call(work, arguments)
        return result

    async def within(self, seconds: float, awaitable: Awaitable[T]) -> T:
        """See `Tasks.within`."""
        return await self._deadlines.within(seconds, awaitable)

    def close(self) -> None:
        """Waits for blocking work that has begun."""
        self._threads.close()
