"""Threads that blocking work runs on, for one event loop.

What `ThreadPoolExecutor` and `run_in_executor` do, without a lock, a second future and three
callbacks for every call: a request makes one or two calls, and those cost more than many of them
do. A call is a tuple in a queue; its result goes straight into the future that is awaited.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

_Call = tuple["asyncio.Future[Any]", "Callable[..., Any]", tuple[Any, ...]]


class WorkerThreads:
    """A bounded number of threads, which begin with the first call.

    Args:
        loop: the one that calls, and that results are handed to.
        count: how many calls may run at once; further ones queue.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, count: int) -> None:
        self._loop = loop
        self._count = count
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def call(self, work: Callable[..., Any], arguments: tuple[Any, ...]) -> asyncio.Future[Any]:
        """Calls `work(*arguments)` on a thread. The work runs to its end even if the future is
        cancelled.
        """
        if not self._threads:
            self._start()
        future: asyncio.Future[Any] = self._loop.create_future()
        self._calls.put((future, work, arguments))
        return future

    def _start(self) -> None:
        for number in range(self._count):
            thread = threading.Thread(target=self._run, name=f"blocking-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            future, work, arguments = call
            result: Any = None
            error: BaseException | None = None
            try:
                result = work(*arguments)
            except BaseException as raised:  # noqa: BLE001 - for whoever awaits the result
                error = raised
            with suppress(RuntimeError):  # the loop is closed: nobody awaits anything any more
                self._loop.call_soon_threadsafe(_settle, future, result, error)
            # Or the last call's buffers would live as long as there is no next one.
            del call, future, work, arguments, result, error

    def close(self) -> None:
        """Waits for the calls that were made. No more may be made."""
        for _ in self._threads:
            self._calls.put(None)
        for thread in self._threads:
            thread.join()


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return  # cancelled
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
