"""The write-ahead log of one node: the `Log` port over the `Disk` port.

::

    submit ──> pending ──> one batch at a time: stamp, encode, write, sync ──> apply

While a batch is being synced, the next one gathers: the batch adapts to the load by itself and a
lone writer waits for nothing but its own sync. A write or sync that fails stops the log for good:
what is on the device is then unknown until recovery has read it back.

Opening reads the log back (`rucket.store.wal.recovery`) and always goes on in a new segment, whose
header says where the one before ends; the tail that was cut off stays behind that end.
"""

from __future__ import annotations

import logging
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rucket.model.errors import (
    CorruptionError,
    DeviceError,
    LogFailedError,
    OperatingError,
    StorageFullError,
)
from rucket.model.hlc import HlcClock, HlcTimestamp
from rucket.ports.log import LogEntry
from rucket.store.wal.frame import (
    BLOCK_SIZE_BYTES,
    SegmentHeader,
    blocks,
    decode_segment_header,
    encode_frame,
    frame_size_bytes,
)
from rucket.store.wal.recovery import SegmentEnd, check_succession, read_frames

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rucket.ports.clock import Clock
    from rucket.ports.disk import Disk, File
    from rucket.ports.log import ApplyEntries, RefusePayloads
    from rucket.ports.random import Random
    from rucket.ports.tasks import Promise, Task, Tasks

SEGMENT_SIZE_BYTES = 32 * 1024 * 1024
_BATCH_SIZE_BYTES_MAX = 4 * 1024 * 1024
_BATCH_ENTRY_COUNT_MAX = 4096
_ZEROS = bytes(1024 * 1024)
_SUFFIX = ".wal"
_UNFINISHED_SUFFIX = ".new"

_logger = logging.getLogger(__name__)


class WalObserver(Protocol):
    """Is told how the log does."""

    def batch_synced(self, entry_count: int, size_bytes: int, sync_duration_s: float) -> None:
        """A batch has become durable."""
        ...


@dataclass(frozen=True, slots=True)
class _Spare:
    """A file full of durable zeros that will be the next segment."""

    file: File
    path: str
    size_bytes: int


class Wal:
    """The log in `directory`. Call `open` first, in a thread that may block.

    Args:
        segment_size_bytes: the size of new segments; larger batches get larger ones.
        observer: is told of every batch.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - one for each port it stands on
        self,
        disk: Disk,
        directory: str,
        tasks: Tasks,
        clock: Clock,
        random: Random,
        segment_size_bytes: int = SEGMENT_SIZE_BYTES,
        observer: WalObserver | None = None,
    ) -> None:
        self._disk = disk
        self._directory = directory
        self._tasks = tasks
        self._random = random
        self._hlc = HlcClock(clock.wall_ms)
        self._segment_size_bytes = blocks(segment_size_bytes)
        self._segments: list[SegmentHeader] = []
        self._file: File | None = None
        self._file_size_bytes = 0
        self._end = SegmentEnd(0, 0, 0)
        self._pending: list[bytes] = []
        self._wakeup: Promise[None] | None = None
        self._clock = clock
        self._observer = observer
        self._spare: _Spare | None = None
        self._spare_count = 0
        self._spare_task: Task[None] | None = None

    def open(self) -> None:
        """Reads the log back, makes what it holds durable, and starts a new segment.

        Raises:
            CorruptionError: acknowledged records are lost.
            UnknownFormatError: a newer Rucket wrote it.
            StorageFullError, DeviceError: the disk doesn't let us.
        """
        self._disk.make_directory(self._directory)
        self._remove_unfinished()
        names = self._segment_names()
        self._segments = [self._read_header(name) for name in names]
        check_succession(names, self._segments)
        for _, last_hlc, end in self._read_back(len(names) - 1):
            self._hlc.observe(HlcTimestamp(last_hlc))
            self._end = end
        if names:
            self._make_durable(names[-1])
        if not names or not self._resume(names[-1]):
            self._start_segment(0)

    def _segment_names(self) -> list[str]:
        names = self._disk.list_directory(self._directory)
        return [name for name in names if name.endswith(_SUFFIX)]

    def _remove_unfinished(self) -> None:
        """Removes what a crash left of a segment that was being made."""
        for name in self._disk.list_directory(self._directory):
            if name.endswith(_UNFINISHED_SUFFIX):
                self._disk.remove(self._path(name))

    def _path(self, name: str) -> str:
        return posixpath.join(self._directory, name)

    def _name(self, segment_number: int) -> str:
        return f"{segment_number:010}{_SUFFIX}"

    def _read_header(self, name: str) -> SegmentHeader:
        return decode_segment_header(self._read(name, BLOCK_SIZE_BYTES), self._path(name))

    def _read(self, name: str, size_bytes: int | None = None) -> bytes:
        file = self._disk.open(self._path(name))
        try:
            return file.read_at(0, file.size_bytes() if size_bytes is None else size_bytes)
        finally:
            file.close()

    def _read_back(
        self, first: int, after: int = 0
    ) -> Iterator[tuple[tuple[LogEntry, ...], int, SegmentEnd]]:
        """Entries after sequence number `after`, the last stamp and the end, frame by frame, of
        the segments from `first` on; at least one item for each segment.
        """
        for position in range(max(first, 0), len(self._segments)):
            header = self._segments[position]
            successor = self._segments[position + 1] if position + 1 < len(self._segments) else None
            name = self._name(header.segment_number)
            hlc = 0
            for frame, end in read_frames(self._path(name), self._read(name), successor):
                entries = frame.entries if frame is not None else ()
                hlc = entries[-1].hlc if entries else hlc
                yield tuple(entry for entry in entries if entry.sequence_number > after), hlc, end

    def _make_durable(self, name: str) -> None:
        """Writes the last frame once more, and syncs.

        After a crash of the process the frame may be in the page cache only, and after a failed
        sync the kernel takes it for clean though it never reached the device. It is about to be
        read, so it has to be durable.
        """
        if self._end.last_frame_offset is None:
            return
        file = self._disk.open(self._path(name), writable=True)
        try:
            offset = self._end.last_frame_offset
            file.write_at(offset, [file.read_at(offset, self._end.offset - offset)])
            file.sync_data()
        finally:
            file.close()

    def _resume(self, name: str) -> bool:
        """Goes on in a segment that nothing was written to, so that a node that starts again and
        again doesn't fill the disk with empty ones. Says whether it could.
        """
        if self._end.last_frame_offset is not None:
            return False
        data = self._read(name)
        if any(data[BLOCK_SIZE_BYTES:]):
            return False  # a torn first frame
        # Killed before it had synced it, the node that made the segment left a name that only the
        # page cache knows. Frames are about to be acknowledged under it.
        self._disk.sync_directory(self._directory)
        self._file = self._disk.open(self._path(name), writable=True)
        self._file_size_bytes = len(data)
        return True

    def _start_segment(self, room_bytes: int) -> None:
        """Makes a segment, with room for a frame of `room_bytes`, and goes on in it.

        Its name appears when all of it is durable, so a segment that can be seen is whole.
        """
        header = SegmentHeader(
            segment_number=self._segments[-1].segment_number + 1 if self._segments else 1,
            first_sequence_number=self._end.last_sequence_number + 1,
            salt=int.from_bytes(self._random.token_bytes(8), "little"),
            previous_end=self._end.offset,
            previous_chain=self._end.chain,
        )
        spare, self._spare = self._spare, None
        if spare is None or spare.size_bytes < BLOCK_SIZE_BYTES + room_bytes:
            spare = self._make_spare(room_bytes)
        spare.file.write_at(0, [header.encode()])
        spare.file.sync_data()
        self._disk.rename(spare.path, self._path(self._name(header.segment_number)))
        self._disk.sync_directory(self._directory)
        if self._file is not None:
            self._file.close()
        self._file, self._file_size_bytes = spare.file, spare.size_bytes
        self._segments.append(header)
        self._end = SegmentEnd(BLOCK_SIZE_BYTES, header.chain, self._end.last_sequence_number)

    def _make_spare(self, room_bytes: int) -> _Spare:
        """A file for a segment, full of zeros that are really written: a sync of blocks that are
        only reserved has to write the file system's metadata too, and takes several times as long.
        """
        size_bytes = max(self._segment_size_bytes, BLOCK_SIZE_BYTES + room_bytes)
        self._spare_count += 1
        path = self._path(f"spare-{self._spare_count}{_UNFINISHED_SUFFIX}")
        file = self._disk.create(path)
        try:
            for offset in range(0, size_bytes, len(_ZEROS)):
                file.write_at(offset, [_ZEROS[: size_bytes - offset]])
            file.sync_data()
        except OperatingError:
            file.close()
            self._disk.remove(path)
            raise
        return _Spare(file, path, size_bytes)

    async def _prepare_spare(self) -> None:
        try:
            self._spare = await self._tasks.run_blocking(self._make_spare, 0)
        except OperatingError as error:
            # Nobody waits for it yet; whoever needs the segment meets the error again.
            _logger.warning("no spare log segment could be made: %s", error)

    def _prepare_spare_in_time(self) -> None:
        """Starts on the next segment when half of this one is full, so that no writer waits."""
        if (
            self._spare is None
            and (self._spare_task is None or self._spare_task.done())
            and self._end.offset > self._file_size_bytes // 2
        ):
            self._spare_task = self._tasks.spawn(self._prepare_spare(), "wal-spare-segment")

    def submit(self, payload: bytes) -> None:
        """See `Log.submit`."""
        self._pending.append(payload)
        if self._wakeup is not None:
            self._wakeup.set_result(None)

    async def run(self, apply: ApplyEntries, refuse: RefusePayloads) -> None:
        """See `Log.run`."""
        while True:
            while not self._pending:
                self._wakeup = self._tasks.promise()
                await self._wakeup
            payloads = self._take_batch()
            try:
                entries = await self._tasks.run_blocking(self._append, payloads)
            except StorageFullError as error:
                refuse(payloads, error)
            except DeviceError as error:
                raise LogFailedError(
                    f"the log can't be written ({error}); the node recovers from what is on disk"
                ) from error
            else:
                apply(entries)
                self._prepare_spare_in_time()

    def _take_batch(self) -> list[bytes]:
        size_bytes = 0
        for count, payload in enumerate(self._pending):
            size_bytes += len(payload)
            if count and (size_bytes > _BATCH_SIZE_BYTES_MAX or count >= _BATCH_ENTRY_COUNT_MAX):
                batch, self._pending = self._pending[:count], self._pending[count:]
                return batch
        batch, self._pending = self._pending, []
        return batch

    def _append(self, payloads: Sequence[bytes]) -> list[LogEntry]:
        """Writes one frame and syncs it.

        Raises:
            StorageFullError: there is no room for a new segment; nothing was written.
            DeviceError: a write or a sync failed.
        """
        room_bytes = frame_size_bytes(payloads)
        if self._end.offset + room_bytes > self._file_size_bytes:
            self._start_segment(room_bytes)
        first = self._end.last_sequence_number + 1
        entries = [
            LogEntry(first + position, self._hlc.now().value, payload)
            for position, payload in enumerate(payloads)
        ]
        frame, crc = encode_frame(
            entries, self._end.chain, self._end.last_sequence_number, self._segments[-1].salt
        )
        assert self._file is not None
        assert len(frame) == room_bytes
        started_s = self._clock.monotonic_s()
        try:
            self._file.write_at(self._end.offset, [frame])
            self._file.sync_data()
        except StorageFullError as error:
            # The room was reserved and written, so this is a file system that lost it.
            raise DeviceError(str(error)) from error
        self._end = SegmentEnd(
            self._end.offset + len(frame), crc, entries[-1].sequence_number, self._end.offset
        )
        if self._observer is not None:
            duration_s = self._clock.monotonic_s() - started_s
            self._observer.batch_synced(len(entries), len(frame), duration_s)
        return entries

    async def read_barrier(self) -> None:
        """See `Log.read_barrier`. Entries are applied before they are acknowledged, so on one node
        there is nothing to wait for.
        """

    def replay(self, after: int) -> Iterator[Sequence[LogEntry]]:
        """See `Log.replay`. Only before `run`."""
        first = 0
        for position, header in enumerate(self._segments):
            if header.first_sequence_number <= after + 1:
                first = position
        if self._segments and self._segments[first].first_sequence_number > after + 1:
            raise CorruptionError(
                self._directory,
                f"it begins with record {self._segments[first].first_sequence_number}, "
                f"but the index needs it from {after + 1} on: restore both from a backup",
            )
        for entries, _, _ in self._read_back(first, after):
            if entries:
                yield entries

    def first_sequence_number(self) -> int:
        """See `Log.first_sequence_number`."""
        return self._segments[0].first_sequence_number

    def last_sequence_number(self) -> int:
        """See `Log.last_sequence_number`."""
        return self._end.last_sequence_number

    def observe(self, hlc: int) -> None:
        """See `Log.observe`."""
        self._hlc.observe(HlcTimestamp(hlc))

    def size_bytes(self) -> int:
        """How much the segments take on disk, about."""
        return len(self._segments) * self._segment_size_bytes

    def discard_before(self, sequence_number: int) -> None:
        """See `Log.discard_before`. Blocks. The newest segment always stays."""
        while len(self._segments) > 1 and (
            self._segments[1].first_sequence_number <= sequence_number
        ):
            self._disk.remove(self._path(self._name(self._segments[0].segment_number)))
            del self._segments[0]
            self._disk.sync_directory(self._directory)

    def close(self) -> None:
        """Gives the file back."""
        if self._file is not None:
            self._file.close()
