"""Reads in progress, so that nothing is removed under them.

::

    gateway        begin ── snapshot ── blob ── blob ── … ── end
                   every second: "none of my readers, now or later, looks at anything older than F"
    maintenance    garbage that died at or before every F, and before its own snapshot, is removed

An object made of many blobs is opened blob by blob, for as long as its client takes. So a process
publishes a *floor*, a stamp of the log: snapshots of reads that it has open or will ever begin show
everything up to there. What died before the floor, none of them has seen. A floor that isn't raised
for a while, as that of a process that was stopped, delays removal and nothing else; the floor of a
process that died goes with it (`rucket.store.lease_files`).

A reader counts for a bounded time: one that has been at it for longer no longer keeps the floor
down. Should a blob that it needs be removed then, its answer breaks off; bytes are never wrong.
"""

from __future__ import annotations


class ReadEpoch:
    """The reads that began between two rises of the floor.

    Attributes:
        floor_hlc: what their snapshots show at least.
        begun_s: when the first of them may have begun, by the monotonic clock.
        open_count: how many are open.
    """

    __slots__ = ("begun_s", "floor_hlc", "open_count")

    def __init__(self, floor_hlc: int, begun_s: float) -> None:
        self.floor_hlc = floor_hlc
        self.begun_s = begun_s
        self.open_count = 0

    def __enter__(self) -> None:
        """For a read that lasts as long as a context."""

    def __exit__(self, *_: object) -> None:
        """It is over."""
        self.end()

    def end(self) -> None:
        """One of them is over."""
        self.open_count -= 1
        assert self.open_count >= 0, "a read ends once"


class OpenReaders:
    """The reads of a process. Used on its event loop alone.

    Args:
        lease_s_max: how long a read keeps the floor down.
    """

    def __init__(self, lease_s_max: float = float("inf")) -> None:
        self._lease_s_max = lease_s_max
        self._current = ReadEpoch(0, 0.0)
        self._earlier: list[ReadEpoch] = []

    def begin(self) -> ReadEpoch:
        """Begins a read, before it takes its snapshot. Whoever has it ends it, whatever happens."""
        self._current.open_count += 1
        return self._current

    def raise_floor(self, applied_hlc: int, now_s: float) -> int:
        """The floor of this process, now that a snapshot of it has shown `applied_hlc`."""
        self._earlier.append(self._current)
        self._current = ReadEpoch(applied_hlc, now_s)
        self._earlier = [
            epoch
            for epoch in self._earlier
            if epoch.open_count and now_s - epoch.begun_s < self._lease_s_max
        ]
        return min([applied_hlc, *(epoch.floor_hlc for epoch in self._earlier)])
