"""Time-outs that cost next to nothing while they don't strike.

A server waits, within a time-out, for every piece of every body and for every commit, and nearly
never in vain. A timer for each wait, which `asyncio.timeout` sets and cancels, costs more than the
wait; so the waits stand in one set, which is looked through every `RESOLUTION_S` while it isn't
empty. A time-out strikes that much late at the most.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable

T = TypeVar("T")

RESOLUTION_S: Final = 0.1


class _Wait:
    """A task that may wait until `deadline_s`."""

    __slots__ = ("deadline_s", "has_struck", "task")

    def __init__(self, task: asyncio.Task[Any], deadline_s: float) -> None:
        self.task = task
        self.deadline_s = deadline_s
        self.has_struck = False


class Deadlines:
    """The time-outs of the tasks of a loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waits: set[_Wait] = set()
        self._is_watching = False

    async def within(self, seconds: float, awaitable: Awaitable[T]) -> T:
        """Awaits `awaitable` for `seconds`, and up to `RESOLUTION_S` longer; cancels it then.

        Raises:
            TimeoutError: it took longer.
        """
        task = asyncio.current_task()
        assert task is not None, "only tasks can wait"
        wait = _Wait(task, self._loop.time() + seconds)
        self._waits.add(wait)
        if not self._is_watching:
            self._is_watching = True
            self._loop.call_later(RESOLUTION_S, self._strike)
        try:
            return await awaitable
        except asyncio.CancelledError as error:
            # Somebody else may have cancelled the task as well: then it stays cancelled.
            if wait.has_struck and task.cancelling() == 1:
                raise TimeoutError from error
            raise
        finally:
            self._waits.discard(wait)
            if wait.has_struck:
                task.uncancel()

    def _strike(self) -> None:
        now_s = self._loop.time()
        for wait in self._waits:
            if wait.deadline_s <= now_s and not wait.has_struck:
                wait.has_struck = True
                wait.task.cancel()
        self._is_watching = bool(self._waits)
        if self._is_watching:
            self._loop.call_later(RESOLUTION_S, self._strike)
