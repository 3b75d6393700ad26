"""The job that makes checkpoints of the index, in the maintenance process.

A checkpoint is due when the log has grown, since the last one, by more than
``storage.wal.checkpoint_log_bytes`` and by more than the size of the index: so what is written for
checkpoints is never more than what is written to the log.

It is one read transaction over all of the index, in a thread and on a connection of its own. That
is the one exception from the rule that read transactions are short: nothing else shows the rows at
one position. What it costs is that SQLite's WAL can't begin anew while it lasts, and grows by what
is written meanwhile. So it is fast where that matters: once the WAL has grown to
`INDEX_WAL_BYTES_MAX`, it no longer keeps to ``storage.wal.checkpoint_max_bytes_per_s``.
"""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rucket.model.errors import (
    CommitUnknownError,
    CorruptionError,
    DeviceError,
    OperatingError,
    StorageFullError,
)
from rucket.runtime.asyncio_tasks import AsyncioTasks
from rucket.state.rows import applied_position
from rucket.store.wal.reading import log_bytes_after

if TYPE_CHECKING:
    from rucket.daemon.data_directory import DataDirectory
    from rucket.daemon.storage_settings import WalSettings
    from rucket.observe.checkpoint_metrics import CheckpointMetrics
    from rucket.ports.clock import Clock
    from rucket.ports.commits import Commits
    from rucket.ports.disk import Disk
    from rucket.store.checkpoints.keeping import CheckpointKeeper
    from rucket.store.index.sqlite_index import SqliteIndexReader

INDEX_WAL_BYTES_MAX: Final = 512 * 1024 * 1024
LOOK_INTERVAL_S: Final = 5.0
RETRY_S: Final = 60.0
_WAL_SUFFIX: Final = "-wal"

_logger = logging.getLogger(__name__)


class CheckpointEndedError(OperatingError):
    """The process ends; the checkpoint is made another time."""


def file_size_bytes(path: str) -> int:
    """The size of a file; 0 where there is none."""
    try:
        return os.stat(path).st_size  # noqa: PTH116 -- as a string it came
    except OSError:
        return 0


class CheckpointPace:
    """Slows a thread down to a rate, and ends it when the process ends.

    Args:
        index_path: whose WAL is watched.
        bytes_per_s_max: the rate.
    """

    def __init__(self, index_path: str, bytes_per_s_max: int) -> None:
        self._wal_path = index_path + _WAL_SUFFIX
        self._bytes_per_s_max = bytes_per_s_max
        self._ended = threading.Event()

    def end(self) -> None:
        """Has the thread raise at its next step. From any thread."""
        self._ended.set()

    def __call__(self, size_bytes: int) -> None:
        """Waits for as long as so many bytes may take.

        Raises:
            CheckpointEndedError: `end` was called.
        """
        is_late = file_size_bytes(self._wal_path) > INDEX_WAL_BYTES_MAX
        pause_s = 0.0 if is_late else size_bytes / self._bytes_per_s_max
        if self._ended.wait(pause_s):
            raise CheckpointEndedError("the process ends")


@dataclass(frozen=True, slots=True)
class CheckpointJob:
    """Makes checkpoints when they are due.

    Attributes:
        index: read by `keeper` alone.
        pace: that `keeper` keeps to.
        commits: of the node, which syncs the log before each checkpoint: so the one before it shows
            nothing that a power cut could take from the log.
    """

    disk: Disk
    directory: DataDirectory
    settings: WalSettings
    index: SqliteIndexReader
    keeper: CheckpointKeeper
    pace: CheckpointPace
    clock: Clock
    metrics: CheckpointMetrics
    commits: Commits

    async def run(self) -> None:
        """Looks again and again, for ever."""
        tasks = AsyncioTasks(1)
        try:
            while True:
                pause_s = LOOK_INTERVAL_S
                try:
                    if await tasks.run_blocking(self.is_due):
                        await self.commits.sync()
                        await tasks.run_blocking(self.take)
                except (
                    CommitUnknownError,
                    CorruptionError,
                    DeviceError,
                    StorageFullError,
                ) as error:
                    self.metrics.failed()
                    _logger.error("no checkpoint could be made: %s", error)  # noqa: TRY400 -- the message says it all
                    pause_s = RETRY_S
                except CheckpointEndedError:
                    return
                await tasks.sleep(pause_s)
        finally:
            self.pace.end()
            tasks.close()

    def is_due(self) -> bool:
        """Whether it is time for a checkpoint. Blocks."""
        last = self.keeper.newest_position()
        threshold = max(self.settings.checkpoint_log_bytes, file_size_bytes(self.directory.index))
        if log_bytes_after(self.disk, self.directory.log, last) < threshold:
            return False
        with self.index.snapshot() as snapshot:
            return applied_position(snapshot)[0] > last

    def take(self) -> None:
        """Makes a checkpoint. Blocks."""
        started_s = self.clock.monotonic_s()
        checkpoint = self.keeper.take()
        duration_s = self.clock.monotonic_s() - started_s
        self.metrics.taken(
            checkpoint.position, checkpoint.size_bytes, duration_s, self.clock.wall_ms()
        )
        _logger.info(
            "a checkpoint of the index at record %d: %d rows, %d bytes, %.1f s",
            checkpoint.position,
            checkpoint.row_count,
            checkpoint.size_bytes,
            duration_s,
        )
