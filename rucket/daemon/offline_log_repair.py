"""Making a log usable again of which acknowledged records can't be read.

::

    wal/                       wal-repaired/ (new)             wal-replaced/N/
    damaged  ── read ──>       written, synced
             ── renamed ─────────────────────────────────────> damaged, untouched
    new      <── renamed ──    new

Nothing is destroyed: the old segments stay in ``wal-replaced``. Between the two renames there is no
log; a start is refused then (`rucket.daemon.data_directory`), and the same command finishes it.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rucket.daemon.data_directory import DataDirectory
from rucket.model.errors import CorruptionError, DataDirectoryError, UnknownFormatError
from rucket.state.rows import applied_position
from rucket.store.index.sqlite_index import SqliteIndexReader
from rucket.store.wal.inspection import check_log, segment_names
from rucket.store.wal.salvage import (
    FoundFrame,
    Salvage,
    find_frames,
    first_header,
    number_of_segment,
    plan_salvage,
    records_of,
    write_log,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rucket.ports.disk import Disk
    from rucket.ports.log import LogEntry
    from rucket.ports.random import Random

_COMPLETE = "COMPLETE"


@dataclass(frozen=True, slots=True)
class LogRepair:
    """What a repair does, or would do.

    Attributes:
        problems: what is wrong with the log: segment and detail.
        applied: up to which record the index shows them; None where it can't be read.
        index_problem: why it can't.
        salvage: what becomes of the records; None if there is nothing to repair.
        given_up: the readable records that are given up.
        replaced: where the old segments are moved to, below the data directory.
    """

    problems: list[tuple[str, str]]
    applied: int | None
    index_problem: str = ""
    salvage: Salvage | None = None
    given_up: list[LogEntry] = field(default_factory=list)
    replaced: str = ""


class LogRepairer:
    """Repairs the log of a data directory that nobody else uses: the caller holds its lock. All
    calls block.

    Args:
        segment_size_bytes: of the new log.
    """

    def __init__(self, disk: Disk, data_dir: str, random: Random, segment_size_bytes: int) -> None:
        self._disk = disk
        self._data_dir = data_dir
        self._directory = DataDirectory(data_dir, disk)
        self._random = random
        self._segment_size_bytes = segment_size_bytes

    def plan(self) -> LogRepair:
        """Finds out what is wrong, and what a repair would do. Changes nothing."""
        applied, index_problem = self._applied()
        if self._is_interrupted():
            return LogRepair(
                [("wal", "a repair was interrupted before the new log was in its place")],
                applied,
                index_problem,
                self._salvage_of(self._directory.repaired_log, applied),
                replaced=self._replaced(),
            )
        problems = check_log(self._disk, self._directory.log).problems
        frames = find_frames(self._disk, self._directory.log)
        salvage = plan_salvage(frames, applied)
        if not problems and not salvage.given_up and not self._is_behind(frames, applied):
            return LogRepair([], applied, index_problem)
        given_up = [
            entry
            for frame in records_of(self._disk, self._directory.log, salvage.given_up)
            for entry in frame.entries
        ]
        return LogRepair(problems, applied, index_problem, salvage, given_up, self._replaced())

    def carry_out(self, repair: LogRepair) -> None:
        """Does what `plan` has said, or finishes what was interrupted.

        Raises:
            StorageFullError, DeviceError: the disk doesn't let us; the old log is where it was, or
                the same command finishes it.
        """
        log, repaired = self._directory.log, self._directory.repaired_log
        assert repair.salvage is not None
        replaced = posixpath.join(self._data_dir, repair.replaced)
        if not self._is_interrupted():
            self._write(repair.salvage)
            self._disk.make_directory(posixpath.dirname(replaced))
            self._disk.rename(log, replaced)
            self._disk.sync_directory(posixpath.dirname(replaced))
            self._disk.sync_directory(self._data_dir)
        self._disk.rename(repaired, log)
        self._disk.sync_directory(self._data_dir)
        self._disk.remove(posixpath.join(log, _COMPLETE))

    def _write(self, salvage: Salvage) -> None:
        log, repaired = self._directory.log, self._directory.repaired_log
        self._disk.make_directory(repaired)
        marker = posixpath.join(repaired, _COMPLETE)
        if _COMPLETE in self._disk.list_directory(repaired):
            self._disk.remove(marker)
        number = max(map(number_of_segment, segment_names(self._disk, log)), default=0) + 1

        def batches() -> Iterator[tuple[LogEntry, ...]]:
            for frame in records_of(self._disk, log, salvage.kept):
                yield frame.entries

        write_log(
            self._disk,
            repaired,
            batches(),
            first_header(salvage, number, self._random),
            self._random,
            self._segment_size_bytes,
        )
        self._disk.create(marker).close()
        self._disk.sync_directory(repaired)
        self._disk.sync_directory(self._data_dir)

    def _is_interrupted(self) -> bool:
        names = self._disk.list_directory(self._data_dir)
        log, repaired = map(posixpath.basename, (self._directory.log, self._directory.repaired_log))
        if log in names or repaired not in names:
            return False
        return _COMPLETE in self._disk.list_directory(self._directory.repaired_log)

    def _salvage_of(self, directory: str, applied: int | None) -> Salvage:
        return plan_salvage(find_frames(self._disk, directory), applied)

    def _is_behind(self, frames: list[FoundFrame], applied: int | None) -> bool:
        """Whether the index shows records that the log has lost without a trace."""
        last = frames[-1].last_sequence_number if frames else 0
        return applied is not None and applied > last

    def _replaced(self) -> str:
        """A name for the old log."""
        directory = posixpath.basename(self._directory.replaced_logs)
        try:
            taken = self._disk.list_directory(self._directory.replaced_logs)
        except FileNotFoundError:
            taken = []
        return f"{directory}/{1 + max((int(name) for name in taken if name.isdigit()), default=0)}"

    def _applied(self) -> tuple[int | None, str]:
        try:
            index = SqliteIndexReader(self._directory.index, is_inspection=True)
        except (CorruptionError, DataDirectoryError, UnknownFormatError) as error:
            return None, str(error)
        try:
            with index.snapshot() as snapshot:
                return applied_position(snapshot)[0], ""
        except CorruptionError as error:
            return None, str(error)
        finally:
            index.close()
