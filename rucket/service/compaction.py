"""Compacting packed blobs at a bounded rate, for ever.

A step does a bounded piece of work off the loop and says how many bytes it has read and written;
the pause that follows it is the rate limit. When a pass over everything is complete, the next one
begins after a rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from rucket.ports.index import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rucket.ports.index import IndexReader
    from rucket.ports.tasks import Tasks

REST_S: Final = 10.0
CLOSE_REMOVED_INTERVAL_S: Final = 10.0
_ROWS_PER_SCAN: Final = 1000


def named_blobs(index: IndexReader, prefix: bytes) -> Iterator[bytes]:
    """The ids of referenced blobs that begin with `prefix`, in order. Blocks.

    Raises:
        CorruptionError: rows can't be read.
    """
    position = prefix
    while position:
        with index.snapshot() as snapshot:
            rows = snapshot.scan(Table.BLOB_REFERENCES, position, None, _ROWS_PER_SCAN)
        found = [key for key, _ in rows if key.startswith(prefix)]
        yield from found
        position = rows[-1][0] + b"\0" if rows and len(found) == _ROWS_PER_SCAN else b""


class OpenSegments(Protocol):
    """What keeps segments open for readers."""

    def close_removed(self) -> None:
        """Closes those that compaction has removed, which take room while they are open. Blocks."""
        ...


async def close_removed_segments(tasks: Tasks, segments: OpenSegments) -> None:
    """Does that now and then, for ever."""
    while True:
        await tasks.sleep(CLOSE_REMOVED_INTERVAL_S)
        await tasks.run_blocking(segments.close_removed)


class Compaction(Protocol):
    """What compacts the segments of a device."""

    def step(self) -> int:
        """Does a bounded piece of work. Blocks.

        Returns:
            How many bytes it has read and written; 0 when a pass over all segments is complete.

        Raises:
            CorruptionError, DeviceError, StorageFullError: this pass can't go on.
        """
        ...


class PacedCompaction:
    """The compactions of all devices, one after the other.

    Args:
        tasks: where they run.
        compactions: at least one.
        bytes_per_s_max: what they read and write together.
        rest_s: how long to rest after a pass.
    """

    def __init__(
        self,
        tasks: Tasks,
        compactions: Sequence[Compaction],
        bytes_per_s_max: int,
        rest_s: float = REST_S,
    ) -> None:
        self._tasks = tasks
        self._compactions = compactions
        self._bytes_per_s_max = bytes_per_s_max
        self._rest_s = rest_s
        self._current = 0

    async def step(self) -> float:
        """Does a bounded piece of work.

        Returns:
            How many seconds to wait before the next one.

        Raises:
            CorruptionError, DeviceError, StorageFullError: as `Compaction.step`. The next step goes
                on with another device, where there is one.
        """
        size_bytes = 0
        try:
            size_bytes = await self._tasks.run_blocking(self._compactions[self._current].step)
        finally:
            if not size_bytes:
                self._current = (self._current + 1) % len(self._compactions)
        if size_bytes:
            return size_bytes / self._bytes_per_s_max
        return 0.0 if self._current else self._rest_s
