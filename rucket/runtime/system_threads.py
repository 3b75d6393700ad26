"""The `Threads` port on the operating system's threads."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class SystemSignal:
    """The `Signal` port on a bare lock, which costs less than `threading.Event`."""

    __slots__ = ("_gate",)

    def __init__(self) -> None:
        self._gate = threading.Lock()
        self._gate.acquire()

    def set(self) -> None:
        """See `Signal.set`."""
        self._gate.release()

    def wait(self) -> None:
        """See `Signal.wait`. Each who passes opens the gate for the next."""
        with self._gate:
            pass


class SystemThreads:
    """The `Threads` port."""

    def lock(self) -> threading.Lock:
        """See `Threads.lock`."""
        return threading.Lock()

    def signal(self) -> SystemSignal:
        """See `Threads.signal`."""
        return SystemSignal()

    def start(self, work: Callable[[], None], name: str) -> None:
        """See `Threads.start`."""
        threading.Thread(target=work, name=name, daemon=True).start()
