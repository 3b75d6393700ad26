"""Concurrency, as everything above this layer may know it: tasks, promises, timers and work that
blocks.

Code written against this port awaits nothing but what the port hands out and the coroutines built
of it. So it runs on asyncio in production and on a seeded scheduler in the simulator, where every
interleaving can be replayed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Promise(Protocol[T]):
    """A value that will be there later. Set once; setting it again does nothing."""

    def set_result(self, value: T) -> None:
        """Wakes everybody who awaits it."""
        ...

    def set_exception(self, error: BaseException) -> None:
        """Raises `error` in everybody who awaits it."""
        ...

    def done(self) -> bool:
        """Whether it has been set."""
        ...

    def __await__(self) -> Generator[Any, Any, T]: ...


class Task(Protocol[T_co]):
    """A coroutine that runs by itself."""

    def cancel(self) -> object:
        """Ends the task, which sees its await raise, and cancels the promise it awaits."""
        ...

    def done(self) -> bool:
        """Whether it has ended."""
        ...

    def __await__(self) -> Generator[Any, Any, T_co]: ...


class Tasks(Protocol):
    """Starts tasks and makes them wait."""

    def spawn(self, coroutine: Coroutine[Any, Any, T], name: str) -> Task[T]:
        """Runs `coroutine` from the next turn on. An exception nobody awaits is logged."""
        ...

    def promise(self) -> Promise[Any]:
        """A new, unset promise."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Returns after `seconds`."""
        ...

    async def run_blocking(self, work: Callable[..., T], *arguments: Any) -> T:
        """Calls `work(*arguments)`, which may block on disk or compute for long, off the loop.

        The work runs to its end even when the awaiting task is cancelled.
        """
        ...

    async def within(self, seconds: float, awaitable: Awaitable[T]) -> T:
        """Awaits `awaitable` for at most `seconds`, cancelling it then.

        Raises:
            TimeoutError: it took longer.
        """
        ...
