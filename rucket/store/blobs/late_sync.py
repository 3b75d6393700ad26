"""Blobs that are synced later than they are answered, where `storage.sync.data` says so.

::

    finish: write all of it ── hand it over ──────────────────────────> answered
                                  │ due by size or number: a thread of its own syncs
                                  │ due again while that is under way: who comes waits, and syncs
    sync_in_time: due by time ────┘

What is handed over stays open until it is synced: a file that is opened again may not be told that
its pages could not be written. A segment stays locked, too, so that nobody compacts it meanwhile.
After a failed sync the kernel takes what it could not write for clean, so there is no second one:
the device gets nothing more, and what a power cut takes of it is found by its checks, as any other
damage is.

Who was killed has synced nothing of what it still had: the kernel writes that in its own time.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from rucket.model.errors import DeviceError, OperatingError
from rucket.store.sync_strategy import SyncMode, SyncSchedule

if TYPE_CHECKING:
    from collections.abc import Callable

    from rucket.ports.clock import Clock
    from rucket.ports.disk import Disk, File
    from rucket.ports.tasks import Tasks
    from rucket.ports.threads import Threads
    from rucket.store.sync_strategy import SyncStrategy

OPEN_MAX: Final = 256
"""So many files and segments stay open unsynced, at most, under whatever strategy."""

_logger = logging.getLogger(__name__)


class UnsyncedPlace(Protocol):
    """A place in a segment of packed blobs."""

    @property
    def segment_id(self) -> bytes:
        """The segment it is in."""
        ...

    def sync(self) -> None:
        """Returns once all that was written into the segment survives a power cut."""
        ...

    def release(self) -> None:
        """Says that nothing more is written."""
        ...


@dataclass(slots=True)
class _Batch:
    """What the next sync is about.

    Attributes:
        files: each with the directory of its name.
        places: one in each segment that was written to; the segment is synced as a whole.
    """

    files: list[tuple[File, str]] = field(default_factory=list)
    places: dict[bytes, UnsyncedPlace] = field(default_factory=dict)

    @property
    def open_count(self) -> int:
        return len(self.files) + len(self.places)

    def sync(self, disk: Disk) -> None:
        for file, _ in self.files:
            file.sync_data()
        for directory in dict.fromkeys(directory for _, directory in self.files):
            disk.sync_directory(directory)
        for place in self.places.values():
            place.sync()

    def close(self) -> None:
        for file, _ in self.files:
            file.close()
        for place in self.places.values():
            place.release()


class LateSync:
    """The unsynced blobs of one process on one device. All calls block, unless they say otherwise.

    Args:
        disk: syncs directories.
        strategy: another than `always`.
        clock: says when they are due.
        threads: sync where enough has gathered.
        failed: is told, by whatever thread, of the sync that failed.
    """

    def __init__(
        self,
        disk: Disk,
        strategy: SyncStrategy,
        clock: Clock,
        threads: Threads,
        failed: Callable[[OperatingError], None],
    ) -> None:
        self.strategy = strategy
        self._disk = disk
        self._clock = clock
        self._threads = threads
        self._failed = failed
        self._lock = threads.lock()
        self._turn = threads.lock()
        self._schedule = SyncSchedule(strategy)
        self._batch = _Batch()
        self._is_starting = False
        self._failure: OperatingError | None = None

    @property
    def unsynced_blob_count(self) -> int:
        """How many blobs a power cut could take now. Doesn't block."""
        return self._schedule.unsynced_operation_count

    def take_file(self, file: File, directory: str, size_bytes: int) -> None:
        """Takes over a file that is written and has its name in `directory`.

        Raises:
            DeviceError: a sync has failed; the file remains the caller's to close.
        """
        with self._lock:
            self._check()
            self._batch.files.append((file, directory))
            is_late, starts = self._count(size_bytes)
        self._follow_up(is_late=is_late, starts=starts)

    def take_place(self, place: UnsyncedPlace, size_bytes: int) -> None:
        """Takes over a reservation that is written, and releases it.

        Raises:
            DeviceError: a sync has failed; the reservation remains the caller's.
        """
        with self._lock:
            self._check()
            is_first = self._batch.places.setdefault(place.segment_id, place) is place
            is_late, starts = self._count(size_bytes)
        if not is_first:
            place.release()
        self._follow_up(is_late=is_late, starts=starts)

    def _check(self) -> None:
        if self._failure is not None:
            cause = self._failure.__cause__ or self._failure
            raise DeviceError(f"a sync has failed: {self._failure}") from cause

    def _count(self, size_bytes: int) -> tuple[bool, bool]:
        """Says whether what has gathered is due, and whether a thread is to sync it."""
        now_s = self._clock.monotonic_s()
        self._schedule.wrote(1, size_bytes, now_s)
        is_late = self._schedule.due_in_s(now_s) <= 0 or self._batch.open_count >= OPEN_MAX
        starts = is_late and not self._is_starting
        if starts:
            self._is_starting = True
        return is_late, starts

    def _follow_up(self, *, is_late: bool, starts: bool) -> None:
        if starts:
            self._threads.start(self._sync_beside, "late-sync")
        elif is_late:
            self.sync()

    def _sync_beside(self) -> None:
        try:
            self.sync()
        except OperatingError as error:
            _logger.debug("%s", error)  # `failed` was told
        finally:
            with self._lock:
                self._is_starting = False

    def sync(self) -> None:
        """Returns once everything that was handed over before the call survives a power cut.

        Raises:
            DeviceError: it may not.
        """
        with self._turn:
            with self._lock:
                batch, self._batch = self._batch, _Batch()
                self._schedule.began()
            try:
                self._check()
                batch.sync(self._disk)
            except OperatingError as error:
                if self._failure is None:
                    self._fail(error)
                self._check()
            else:
                with self._lock:
                    self._schedule.ended()
            finally:
                batch.close()

    def _fail(self, error: OperatingError) -> None:
        with self._lock:
            self._failure = error
        _logger.error(
            "a sync failed: %d blobs that were answered may be damaged after a power cut: %s",
            self.unsynced_blob_count,
            error,
        )
        self._failed(error)

    def due_in_s(self) -> float:
        """How long what has gathered can wait; infinity if that is no question of time, or all is
        lost. Doesn't block.
        """
        if self._failure is not None:
            return math.inf
        return self._schedule.due_in_s(self._clock.monotonic_s())


async def sync_in_time(tasks: Tasks, late: LateSync) -> None:
    """Syncs what is due though nothing more is written, for ever.

    Who finds nothing looks again after the time that anything may wait: what came first meanwhile
    is then due at the earliest.
    """
    match late.strategy.mode:
        case SyncMode.PERIODIC:
            pause_s = late.strategy.period_s
        case SyncMode.THRESHOLD:
            pause_s = late.strategy.idle_s
        case _:
            return
    while True:
        due_in_s = late.due_in_s()
        if due_in_s > 0:
            await tasks.sleep(min(due_in_s, pause_s))
            continue
        try:
            await tasks.run_blocking(late.sync)
        except OperatingError as error:
            _logger.debug("%s", error)  # `failed` was told
