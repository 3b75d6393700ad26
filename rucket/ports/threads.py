"""Threads that work together, as everything above this layer may know them.

Blocking work runs in threads of one process. Where calls of several have to meet, as when one sync
serves all who wait for it, they do so through this port, so that the simulator decides who goes
first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType


class Lock(Protocol):
    """Held by one thread at a time; not again by the one that holds it. Use it with `with`."""

    def __enter__(self) -> object: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> bool | None: ...


class Signal(Protocol):
    """Something that happens once."""

    def set(self) -> None:
        """It has happened: wakes all who wait. To be called once."""
        ...

    def wait(self) -> None:
        """Returns when it has happened. Blocks."""
        ...


class Threads(Protocol):
    """Makes what threads meet at."""

    def lock(self) -> Lock:
        """A lock that nobody holds."""
        ...

    def signal(self) -> Signal:
        """A signal that nobody has set."""
        ...

    def start(self, work: Callable[[], None], name: str) -> None:
        """Has another thread call `work`, which may block, and which raises nothing. It ends with
        the process.
        """
        ...
