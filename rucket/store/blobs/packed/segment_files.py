"""Open segments to read from, shared by all readers of a process.

A segment that is removed stays readable for who has it open, and takes its room on the device until
it is closed: `close_removed`, called every now and then, closes those that only the cache holds.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rucket.ports.disk import Disk, File
    from rucket.ports.threads import Threads
    from rucket.store.blobs.packed.directory import PackedDirectory

OPEN_SEGMENTS_MAX: Final = 256


class SharedSegment:
    """An open segment; whoever gets one from `SegmentFiles` releases it there."""

    __slots__ = ("file", "holder_count", "is_cached", "path", "segment_id")

    def __init__(self, file: File, segment_id: bytes, path: str) -> None:
        self.file = file
        self.segment_id = segment_id
        self.path = path
        self.holder_count = 0
        self.is_cached = True


class SegmentFiles:
    """A cache of at most `open_max` unused ones. All calls block."""

    def __init__(
        self,
        disk: Disk,
        directory: PackedDirectory,
        threads: Threads,
        open_max: int = OPEN_SEGMENTS_MAX,
    ) -> None:
        self._disk = disk
        self._directory = directory
        self._lock = threads.lock()
        self._open_max = open_max
        self._cached: OrderedDict[bytes, SharedSegment] = OrderedDict()

    def acquire(self, segment_id: bytes) -> SharedSegment:
        """A segment, open for reading.

        Raises:
            FileNotFoundError: there is no such segment any more.
        """
        if (cached := self.acquire_open(segment_id)) is not None:
            return cached
        path = self._directory.segment_path(segment_id)
        opened = SharedSegment(self._disk.open(path), segment_id, path)
        opened.holder_count = 1
        with self._lock:
            if segment_id in self._cached:  # another thread was as fast
                opened.is_cached = False
                return opened
            self._cached[segment_id] = opened
            unused = [self._drop(next(iter(self._cached)))] if self._is_full() else []
        _close(unused)
        return opened

    def acquire_open(self, segment_id: bytes) -> SharedSegment | None:
        """A segment if it is open already. Doesn't block."""
        with self._lock:
            segment = self._cached.get(segment_id)
            if segment is not None:
                segment.holder_count += 1
                self._cached.move_to_end(segment_id)
        return segment

    def release(self, segment: SharedSegment) -> None:
        """Says that the caller needs it no more."""
        with self._lock:
            segment.holder_count -= 1
            is_unused = not segment.is_cached and not segment.holder_count
        if is_unused:
            segment.file.close()

    def close_removed(self) -> None:
        """Lets go of segments that have been removed."""
        with self._lock:
            cached = list(self._cached.values())
        for segment in cached:
            try:
                self._disk.modified_ms(segment.path)
            except FileNotFoundError:
                with self._lock:
                    unused = self._drop(segment.segment_id)
                _close([unused])

    def close(self) -> None:
        """Lets go of all."""
        with self._lock:
            unused = [self._drop(segment_id) for segment_id in list(self._cached)]
        _close(unused)

    def _is_full(self) -> bool:
        return len(self._cached) > self._open_max

    def _drop(self, segment_id: bytes) -> SharedSegment | None:
        """Takes one out; it is returned if nobody holds it any more."""
        segment = self._cached.pop(segment_id, None)
        if segment is None:
            return None
        segment.is_cached = False
        return None if segment.holder_count else segment


def _close(segments: list[SharedSegment | None]) -> None:
    for segment in segments:
        if segment is not None:
            segment.file.close()
