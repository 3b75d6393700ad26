"""Writing records: one open segment for each process and device, and a spare that follows it.

::

    reserve ──under a lock: a place in the open segment, or in the next one──> Reservation
    Reservation: write ── (others write meanwhile) ── sync (grouped) ── release

A segment is preallocated, locked (flock) by the process that writes it, named, and its name synced,
before anything is written into it. The lock goes when the process gives the segment up or dies, and
says so to the compactor, in whatever process that is. A segment that is full, or whose sync has
failed, is given up: nobody writes into it again.
"""

from __future__ import annotations

import logging
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rucket.model.errors import OperatingError
from rucket.store.blobs.blob_ids import RECORD_ALIGNMENT_BYTES, SEGMENT_ID_SIZE_BYTES
from rucket.store.blobs.packed.group_sync import GroupSync
from rucket.store.blobs.packed.layout import (
    SEGMENT_HEADER_SIZE_BYTES,
    SegmentHeader,
    encode_segment_header,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rucket.ports.disk import Buffer, Disk, File
    from rucket.ports.random import Random
    from rucket.ports.threads import Threads
    from rucket.store.blobs.packed.directory import PackedDirectory

SEGMENT_SIZE_BYTES_DEFAULT: Final = 64 * 1024 * 1024

_FREE_SHARE: Final = 16
"""On a device that is nearly full, or small, a segment takes no more than this part of its room."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WriterPorts:
    """What segments are made with."""

    disk: Disk
    random: Random
    threads: Threads


class OpenSegment:
    """A segment that this process writes. Its counters belong to the lock of `SegmentWriter`.

    Attributes:
        end: where the next record goes.
        writer_count: reservations that haven't been released.
        is_given_up: whether no more records come.
    """

    __slots__ = ("end", "file", "group", "is_given_up", "segment_id", "size_bytes", "writer_count")

    def __init__(self, file: File, segment_id: bytes, size_bytes: int, group: GroupSync) -> None:
        self.file = file
        self.segment_id = segment_id
        self.size_bytes = size_bytes
        self.group = group
        self.end = SEGMENT_HEADER_SIZE_BYTES
        self.writer_count = 0
        self.is_given_up = False

    def has_room(self, size_bytes: int) -> bool:
        """Whether a record of that size fits in."""
        return not self.group.has_failed and self.end + size_bytes <= self.size_bytes

    def close_if_unused(self) -> None:
        """Closes the file, and so unlocks it, once nobody writes."""
        if self.is_given_up and not self.writer_count:
            self.file.close()


class Reservation:
    """A place for a record, until `release`. All calls block.

    Attributes:
        is_released: whether nothing more is written.
    """

    __slots__ = ("_segment", "_writer", "is_released", "offset_bytes")

    def __init__(self, writer: SegmentWriter, segment: OpenSegment, offset_bytes: int) -> None:
        self._writer = writer
        self._segment = segment
        self.is_released = False
        self.offset_bytes = offset_bytes

    @property
    def segment_id(self) -> bytes:
        """The segment it is in."""
        return self._segment.segment_id

    def write_at(self, offset: int, buffers: Sequence[Buffer]) -> None:
        """Writes from byte `offset` of the record on."""
        self._segment.file.write_at(self.offset_bytes + offset, buffers)

    def sync(self) -> None:
        """Returns once what was written survives a power cut.

        Raises:
            DeviceError: it may not.
        """
        self._segment.group.sync()

    def release(self) -> None:
        """Says that nothing more is written. Harmless a second time."""
        if not self.is_released:
            self.is_released = True
            self._writer.released(self._segment)


class SegmentWriter:
    """Gives out places for records. All calls block.

    Args:
        ports: what segments are made with.
        directory: where they go.
        device_number: goes into their headers.
        segment_size_bytes: of a new one, where there is room.
    """

    def __init__(
        self,
        ports: WriterPorts,
        directory: PackedDirectory,
        device_number: int,
        segment_size_bytes: int = SEGMENT_SIZE_BYTES_DEFAULT,
    ) -> None:
        self._ports = ports
        self._directory = directory
        self._device_number = device_number
        self._segment_size_bytes = segment_size_bytes
        self._lock = ports.threads.lock()
        self._open: OpenSegment | None = None
        self._spare: OpenSegment | None = None
        self._is_making_spare = False
        self._is_closed = False

    def reserve(self, size_bytes: int) -> Reservation:
        """A place for a record of `size_bytes`.

        Raises:
            StorageFullError: there is no room for a segment.
            DeviceError: a segment can't be made.
        """
        with self._lock:
            segment = self._open
            if segment is None or not segment.has_room(size_bytes):
                segment = self._next(size_bytes)
            offset_bytes = segment.end
            segment.end += -(-size_bytes // RECORD_ALIGNMENT_BYTES) * RECORD_ALIGNMENT_BYTES
            segment.writer_count += 1
            needs_spare = (
                self._spare is None
                and not self._is_making_spare
                and segment.end * 2 > segment.size_bytes
            )
            if needs_spare:
                self._is_making_spare = True
        if needs_spare:
            self._ports.threads.start(self._make_spare, "packed-spare")
        return Reservation(self, segment, offset_bytes)

    def released(self, segment: OpenSegment) -> None:
        """A reservation is over."""
        with self._lock:
            segment.writer_count -= 1
            segment.close_if_unused()

    def close(self) -> None:
        """Gives up what is open."""
        with self._lock:
            self._is_closed = True
            self._give_up(self._open)
            self._give_up(self._spare)
            self._open = self._spare = None

    def _next(self, size_bytes: int) -> OpenSegment:
        self._give_up(self._open)
        self._open = None
        spare, self._spare = self._spare, None
        if spare is not None and not spare.has_room(size_bytes):
            self._give_up(spare)
            spare = None
        self._open = spare or self._make(size_bytes)
        return self._open

    def _give_up(self, segment: OpenSegment | None) -> None:
        if segment is not None:
            segment.is_given_up = True
            segment.close_if_unused()

    def _make_spare(self) -> None:
        spare: OpenSegment | None = None
        try:
            spare = self._make(0)
        except OperatingError as error:
            _logger.debug("no spare segment: %s", error)  # who needs one will say so
        with self._lock:
            self._is_making_spare = False
            if self._is_closed:
                self._give_up(spare)
            else:
                self._spare = spare

    def _make(self, size_bytes: int) -> OpenSegment:
        """A segment with room for a record of `size_bytes`, whose name is durable. Its header
        becomes so with the first record.
        """
        segment_id = self._ports.random.token_bytes(SEGMENT_ID_SIZE_BYTES)
        path = self._directory.segment_path(segment_id)
        directory = posixpath.dirname(path)
        room = self._ports.disk.free_bytes(directory) // _FREE_SHARE
        size_bytes = max(
            SEGMENT_HEADER_SIZE_BYTES + size_bytes, min(self._segment_size_bytes, room)
        )
        file = self._ports.disk.create_unnamed(directory)
        try:
            is_locked = file.try_lock()
            assert is_locked, "nobody else knows of the file"
            file.allocate(size_bytes)
            file.write_at(
                0, [encode_segment_header(SegmentHeader(self._device_number, segment_id))]
            )
            file.link(path)
            self._ports.disk.sync_directory(directory)
        except BaseException:
            file.close()
            raise
        group = GroupSync(file, path, self._ports.threads)
        return OpenSegment(file, segment_id, size_bytes, group)
