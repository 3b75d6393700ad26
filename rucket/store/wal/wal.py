"""The write-ahead log of one node: the `Log` port over the `Disk` port.

::

    submit ──> pending ──> one batch at a time: stamp, encode, write, sync ──> apply

While a batch is being synced, the next one gathers: the batch adapts to the load by itself and a
lone writer waits for nothing but its own sync. A write or sync that fails stops the log for good:
what is on the device is then unknown until recovery has read it back.

Where the strategy is another than `always` (`rucket.store.sync_strategy`), a batch is applied once
it is written, and synced later, beside the batches that follow. A frame's watermark still tells
what was durable when it was written, and a segment gets a successor only when all of it is.

Opening reads the log back (`rucket.store.wal.recovery`) and always goes on in a new segment, whose
header says where the one before ends; the tail that was cut off stays behind that end.
"""

from __future__ import annotations

import logging
import math
from functools import partial
from typing import TYPE_CHECKING

from rucket.model.errors import (
    CorruptionError,
    DeviceError,
    LogFailedError,
    OperatingError,
    OverloadedError,
    StorageFullError,
)
from rucket.model.hlc import HlcClock, HlcTimestamp
from rucket.ports.log import LogEntry
from rucket.store.sync_strategy import ALWAYS, SyncMode, SyncSchedule, SyncStrategy
from rucket.store.wal.frame import (
    BLOCK_SIZE_BYTES,
    SegmentHeader,
    encode_frame,
    frame_size_bytes,
)
from rucket.store.wal.observer import QuietWalObserver
from rucket.store.wal.recovery import SegmentEnd, check_succession, read_frames
from rucket.store.wal.segment_files import SegmentFiles, Spare, segment_name
from rucket.store.wal.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rucket.ports.clock import Clock
    from rucket.ports.disk import Disk, File
    from rucket.ports.log import ApplyEntries, RefusePayloads
    from rucket.ports.random import Random
    from rucket.ports.tasks import Promise, Task, Tasks
    from rucket.store.wal.observer import WalObserver

SEGMENT_SIZE_BYTES = 32 * 1024 * 1024
PENDING_ENTRY_COUNT_MAX = 16_384
PENDING_SIZE_BYTES_MAX = 64 * 1024 * 1024
_BATCH_SIZE_BYTES_MAX = 4 * 1024 * 1024
_BATCH_ENTRY_COUNT_MAX = 4096

_logger = logging.getLogger(__name__)


class Wal:
    """The log in `directory`. Call `open` first, in a thread that may block.

    Args:
        segment_size_bytes: the size of new segments; larger batches get larger ones.
        segment_age_s: a segment that began so long ago gets a successor at the next write.
        sync: when what was written is synced.
        observer: is told of every batch.

    Attributes:
        synced_sequence_number: the newest entry that a power cut can't take, as far as is known.
    """

    def __init__(  # noqa: PLR0913 - one for each port it stands on, and its settings
        self,
        disk: Disk,
        directory: str,
        tasks: Tasks,
        clock: Clock,
        random: Random,
        segment_size_bytes: int = SEGMENT_SIZE_BYTES,
        *,
        segment_age_s: float = math.inf,
        sync: SyncStrategy = ALWAYS,
        observer: WalObserver | None = None,
    ) -> None:
        self._directory = directory
        self._tasks = tasks
        self._clock = clock
        self._random = random
        self._hlc = HlcClock(clock.wall_ms)
        self._files = SegmentFiles(disk, directory, segment_size_bytes)
        self._segment_size_bytes = segment_size_bytes
        self._segment_age_s = segment_age_s
        self._segments: list[SegmentHeader] = []
        self._file: File | None = None
        self._file_size_bytes = 0
        self._began_s = 0.0
        self._end = SegmentEnd(0, 0, 0)
        self.synced_sequence_number = 0
        self._pending: list[bytes] = []
        self._pending_size_bytes = 0
        self._wakeup: Promise[None] | None = None
        self._observer = observer or QuietWalObserver()
        self._spare: Spare | None = None
        self._spare_task: Task[None] | None = None
        self._strategy = sync
        self._schedule = SyncSchedule(sync)
        self._turns = Turns(tasks)
        self._alarm: Promise[None] | None = None
        self._failure: LogFailedError | None = None

    def open(self) -> None:
        """Reads the log back, makes what it holds durable, and starts a new segment.

        Raises:
            CorruptionError: acknowledged records are lost.
            UnknownFormatError: a newer Rucket wrote it.
            StorageFullError, DeviceError: the disk doesn't let us.
        """
        names = self._files.prepare()
        self._segments = [self._files.read_header(name) for name in names]
        check_succession(names, self._segments)
        for _, last_hlc, end in self._read_back(len(names) - 1):
            self._hlc.observe(HlcTimestamp(last_hlc))
            self._end = end
        if names:
            self._files.make_durable(names[-1], self._end)
        self.synced_sequence_number = self._end.last_sequence_number
        if not names or not self._resume(names[-1]):
            self._start_segment(0)
        self._tell_segments()

    def _read_back(
        self, first: int, after: int = 0
    ) -> Iterator[tuple[tuple[LogEntry, ...], int, SegmentEnd]]:
        """Entries after sequence number `after`, the last stamp and the end, frame by frame, of
        the segments from `first` on; at least one item for each segment.
        """
        for position in range(max(first, 0), len(self._segments)):
            header = self._segments[position]
            successor = self._segments[position + 1] if position + 1 < len(self._segments) else None
            name = segment_name(header.segment_number)
            hlc = 0
            path, data = self._files.path(name), self._files.read(name)
            for frame, end in read_frames(path, data, successor):
                entries = frame.entries if frame is not None else ()
                hlc = entries[-1].hlc if entries else hlc
                yield tuple(entry for entry in entries if entry.sequence_number > after), hlc, end

    def _resume(self, name: str) -> bool:
        """Goes on in a segment that nothing was written to. Says whether it could."""
        if self._end.unsynced_offset is not None:
            return False
        resumed = self._files.resume(name)
        if resumed is None:
            return False  # a torn first frame
        self._file, self._file_size_bytes = resumed
        return True

    def _start_segment(self, room_bytes: int) -> None:
        """Makes a segment, with room for a frame of `room_bytes`, and goes on in it.

        What it follows on is made durable first: damage before a segment's end isn't a tail.
        """
        if self.synced_sequence_number < self._end.last_sequence_number:
            self._sync_newest()
        header = SegmentHeader(
            segment_number=self._segments[-1].segment_number + 1 if self._segments else 1,
            first_sequence_number=self._end.last_sequence_number + 1,
            salt=int.from_bytes(self._random.token_bytes(8), "little"),
            previous_end=self._end.offset,
            previous_chain=self._end.chain,
        )
        spare, self._spare = self._spare, None
        if spare is None or spare.size_bytes < BLOCK_SIZE_BYTES + room_bytes:
            spare = self._files.make_spare(room_bytes)
        self._files.make_segment(spare, header)
        if self._file is not None:
            self._file.close()
        self._file, self._file_size_bytes = spare.file, spare.size_bytes
        self._segments.append(header)
        self._end = SegmentEnd(BLOCK_SIZE_BYTES, header.chain, self._end.last_sequence_number)

    async def _prepare_spare(self) -> None:
        try:
            self._spare = await self._tasks.run_blocking(self._files.make_spare)
        except OperatingError as error:
            # Nobody waits for it yet; whoever needs the segment meets the error again.
            _logger.warning("no spare log segment could be made: %s", error)

    def _prepare_spare_in_time(self) -> None:
        """Starts on the next segment when half of this one is full, or half of its time is over,
        so that no writer waits.
        """
        if (
            self._spare is None
            and (self._spare_task is None or self._spare_task.done())
            and (
                self._end.offset > self._file_size_bytes // 2
                or self._clock.monotonic_s() - self._began_s > self._segment_age_s / 2
            )
        ):
            self._spare_task = self._tasks.spawn(self._prepare_spare(), "wal-spare-segment")

    def submit(self, payload: bytes) -> None:
        """See `Log.submit`."""
        size_bytes = self._pending_size_bytes + len(payload)
        if self._pending and (
            len(self._pending) >= PENDING_ENTRY_COUNT_MAX or size_bytes > PENDING_SIZE_BYTES_MAX
        ):
            raise OverloadedError(
                f"{len(self._pending)} commands, {self._pending_size_bytes} bytes, wait for the log"
            )
        self._pending.append(payload)
        self._pending_size_bytes = size_bytes
        self._wake()

    def _wake(self) -> None:
        if self._wakeup is not None:
            self._wakeup.set_result(None)

    async def run(self, apply: ApplyEntries, refuse: RefusePayloads) -> None:
        """See `Log.run`."""
        has_timer = self._strategy.mode in {SyncMode.PERIODIC, SyncMode.THRESHOLD}
        timer = self._tasks.spawn(self._sync_in_time(), "wal-sync-timer") if has_timer else None
        try:
            while True:
                await self._until_work()
                payloads = self._take_batch()
                try:
                    entries = await self._append(payloads)
                except StorageFullError as error:
                    refuse(payloads, error)
                except DeviceError as error:
                    raise _failed(error) from error
                else:
                    apply(entries)
                    self._prepare_spare_in_time()
        finally:
            if timer is not None:
                timer.cancel()

    async def _until_work(self) -> None:
        """Returns when there is a batch to write, and nothing that has to be synced before."""
        while True:
            if self._failure is not None:
                raise self._failure
            if not self._pending:
                self._wakeup = self._tasks.promise()
                await self._wakeup
            elif not self._is_sync_due():
                return
            elif self._turns.is_taken:
                await self._turns.free()
            else:
                self._begin_sync()

    def _take_batch(self) -> list[bytes]:
        entry_count_max = min(_BATCH_ENTRY_COUNT_MAX, self._schedule.operations_left())
        size_bytes_max = min(_BATCH_SIZE_BYTES_MAX, self._schedule.bytes_left())
        size_bytes = 0
        count = 0
        for count, payload in enumerate(self._pending):
            size_bytes += len(payload)
            if count and (size_bytes > size_bytes_max or count >= entry_count_max):
                size_bytes -= len(payload)
                break
        else:
            count += 1
        batch, self._pending = self._pending[:count], self._pending[count:]
        self._pending_size_bytes -= size_bytes
        return batch

    async def _append(self, payloads: Sequence[bytes]) -> list[LogEntry]:
        """Writes one frame, and syncs it where that is the strategy.

        Raises:
            StorageFullError: there is no room for a new segment; nothing was written.
            DeviceError: a write or a sync failed.
        """
        room_bytes = frame_size_bytes(payloads)
        if self._needs_segment(room_bytes):
            await self._turns.free()
            work = partial(self._start_segment, room_bytes)
            failure = await self._turns.begin(work, self._segment_started)
            if failure is not None:
                raise failure
        entries = await self._tasks.run_blocking(self._write, payloads, room_bytes)
        if not self._strategy.is_always:
            self._schedule.wrote(len(entries), room_bytes, self._clock.monotonic_s())
            self._tell_unsynced()
            if self._alarm is not None:
                self._alarm.set_result(None)
            if self._is_sync_due() and not self._turns.is_taken:
                self._begin_sync()
        self._observer.batch_written(len(entries), room_bytes, len(self._pending))
        return entries

    def _needs_segment(self, room_bytes: int) -> bool:
        if self._end.offset + room_bytes > self._file_size_bytes:
            return True
        has_frames = self._end.unsynced_offset is not None
        is_old = self._clock.monotonic_s() - self._began_s >= self._segment_age_s
        return has_frames and is_old and self._spare is not None

    def _segment_started(self, failure: OperatingError | None) -> None:
        if failure is None:
            self._all_synced()
            self._tell_segments()
        elif not isinstance(failure, StorageFullError):
            self._failure = _failed(failure)

    def _write(self, payloads: Sequence[bytes], room_bytes: int) -> list[LogEntry]:
        first = self._end.last_sequence_number + 1
        entries = [
            LogEntry(first + position, self._hlc.now().value, payload)
            for position, payload in enumerate(payloads)
        ]
        frame, crc = encode_frame(
            entries, self._end.chain, self.synced_sequence_number, self._segments[-1].salt
        )
        assert self._file is not None
        assert len(frame) == room_bytes
        if self._end.unsynced_offset is None:
            self._began_s = self._clock.monotonic_s()
        try:
            self._file.write_at(self._end.offset, [frame])
        except StorageFullError as error:
            # The room was reserved and written, so this is a file system that lost it.
            raise DeviceError(str(error)) from error
        if self._strategy.is_always:
            self._sync_newest()
            self.synced_sequence_number = entries[-1].sequence_number
        self._end = SegmentEnd(
            self._end.offset + len(frame), crc, entries[-1].sequence_number, self._end.offset
        )
        return entries

    def _sync_newest(self) -> None:
        """Syncs the newest segment.

        Raises:
            DeviceError: what is on the device isn't known any more.
        """
        if self._file is None:
            return
        started_s = self._clock.monotonic_s()
        try:
            self._file.sync_data()
        except StorageFullError as error:
            raise DeviceError(str(error)) from error
        self._observer.synced(self._clock.monotonic_s() - started_s)

    async def sync(self) -> None:
        """See `Log.sync`."""
        wanted = self._end.last_sequence_number
        while self.synced_sequence_number < wanted:
            if self._failure is not None:
                raise self._failure
            if self._turns.is_taken:
                await self._turns.free()
            else:
                await self._begin_sync()

    def _begin_sync(self) -> Promise[OperatingError | None]:
        """Begins a sync of all that was written, which goes on beside what follows."""
        self._schedule.began()
        last = self._end.last_sequence_number

        def settle(failure: OperatingError | None) -> None:
            if failure is None:
                self.synced_sequence_number = max(self.synced_sequence_number, last)
                self._schedule.ended()
                self._tell_unsynced()
            else:
                self._failure = _failed(failure)
                self._wake()

        return self._turns.begin(self._sync_newest, settle)

    def _is_sync_due(self) -> bool:
        return self._schedule.due_in_s(self._clock.monotonic_s()) <= 0

    async def _sync_in_time(self) -> None:
        """Begins syncs that are due though nothing more is written."""
        while self._failure is None:
            delay_s = self._schedule.due_in_s(self._clock.monotonic_s())
            if delay_s == math.inf:
                self._alarm = self._tasks.promise()
                await self._alarm
            elif delay_s > 0:
                await self._tasks.sleep(delay_s)
            elif self._turns.is_taken:
                await self._turns.free()
            else:
                self._begin_sync()

    def _all_synced(self) -> None:
        self.synced_sequence_number = self._end.last_sequence_number
        self._schedule.began()
        self._schedule.ended()
        self._tell_unsynced()

    def _tell_unsynced(self) -> None:
        schedule = self._schedule
        self._observer.unsynced(schedule.unsynced_operation_count, schedule.unsynced_size_bytes)

    def _tell_segments(self) -> None:
        self._observer.segments(len(self._segments), self.size_bytes())

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

    def first_within(self, size_bytes: int) -> int:
        """The first record of the newest segments that together take no more than `size_bytes`, or
        of the newest one alone.
        """
        count = max(1, size_bytes // self._segment_size_bytes)
        return self._segments[-min(count, len(self._segments))].first_sequence_number

    def discard_before(self, sequence_number: int) -> None:
        """See `Log.discard_before`. Blocks. The newest segment always stays."""
        while len(self._segments) > 1 and (
            self._segments[1].first_sequence_number <= sequence_number
        ):
            self._files.remove(self._segments[0])
            del self._segments[0]
            self._tell_segments()

    def close(self) -> None:
        """Gives the file back."""
        if self._file is not None:
            self._file.close()


def _failed(error: OperatingError) -> LogFailedError:
    failure = LogFailedError(
        f"the log can't be written ({error}); the node recovers from what is on disk"
    )
    failure.__cause__ = error
    return failure
