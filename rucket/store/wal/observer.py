"""Who is told how the log does."""

from __future__ import annotations

from typing import Protocol


class WalObserver(Protocol):
    """Is told how the log does. Each method is called on one thread at a time."""

    def batch_written(self, entry_count: int, size_bytes: int, pending_count: int) -> None:
        """A batch is in the log; so many commands wait for the next one."""
        ...

    def synced(self, duration_s: float) -> None:
        """The log has been synced."""
        ...

    def unsynced(self, entry_count: int, size_bytes: int) -> None:
        """So much is written, and not yet synced."""
        ...

    def segments(self, count: int, size_bytes: int) -> None:
        """The log has so many segments, which take so much room, about."""
        ...


class QuietWalObserver:
    """Nobody looks."""

    def batch_written(self, entry_count: int, size_bytes: int, pending_count: int) -> None:
        """See `WalObserver.batch_written`."""

    def synced(self, duration_s: float) -> None:
        """See `WalObserver.synced`."""

    def unsynced(self, entry_count: int, size_bytes: int) -> None:
        """See `WalObserver.unsynced`."""

    def segments(self, count: int, size_bytes: int) -> None:
        """See `WalObserver.segments`."""
