"""Blocking work that goes on while the request that started it does something else.

A request can be cancelled at any await: its client hangs up. What it started off the loop runs on
nevertheless, with a file in its hands. So the work is a task of its own, the request awaits only a
promise of its end, and whoever has to clean up after both waits for the task.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from rucket.ports.tasks import Promise, Task, Tasks

T = TypeVar("T")


class BlockingWork(Generic[T]):
    """One call of `work`, running off the loop from now on.

    Args:
        tasks: where it runs.
        name: of the task, for logs.
        work: what is called; it may block.
        arguments: what it is called with.
    """

    __slots__ = ("_ended", "_error", "_results", "_task")

    def __init__(self, tasks: Tasks, name: str, work: Callable[..., T], *arguments: object) -> None:
        self._results: list[T] = []
        self._error: BaseException | None = None
        self._ended: Promise[Any] = tasks.promise()
        self._task: Task[None] = tasks.spawn(self._run(tasks, work, arguments), name)

    async def result(self) -> T:
        """What `work` returned or raised. For the request that started it."""
        await self._ended
        if self._error is not None:
            raise self._error
        return self._results[0]

    async def ended(self) -> None:
        """Returns once `work` is over, whatever came of it. For cleaning up."""
        await self._task

    async def _run(self, tasks: Tasks, work: Callable[..., T], arguments: tuple[Any, ...]) -> None:
        try:
            self._results.append(await tasks.run_blocking(work, *arguments))
        except BaseException as error:  # noqa: BLE001 - for whoever awaits the result
            self._error = error
        self._ended.set_result(None)
