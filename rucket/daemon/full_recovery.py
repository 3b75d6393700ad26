"""What a start with ``storage.wal.recovery = "full"`` reads before it goes on: all of the log, all
rows of the index, and whether the two are of each other. Nothing is changed.

A light start reads what it needs: the newest segment, and the records that the index lacks.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Final

from rucket.daemon.offline_check import no_progress
from rucket.daemon.offline_index_check import IndexCheck
from rucket.daemon.offline_report import VerifyReport
from rucket.model.errors import CorruptionError, DataDirectoryError
from rucket.state.commands import decode_command
from rucket.state.outcomes import RecentOutcomes
from rucket.state.rows import applied_position
from rucket.store.index.sqlite_index import SqliteIndexReader
from rucket.store.wal.inspection import check_log, read_segments

if TYPE_CHECKING:
    from rucket.daemon.data_directory import DataDirectory
    from rucket.ports.disk import Disk
    from rucket.ports.index import Snapshot
    from rucket.ports.log import LogEntry

_RECORDS_COMPARED_MAX: Final = 1000
"""Fewer than the outcomes that the index keeps."""

_logger = logging.getLogger(__name__)


def check_fully(disk: Disk, directory: DataDirectory, sealing_key: bytes) -> None:
    """Reads everything but blobs; takes as long as that takes. Blocks.

    Raises:
        CorruptionError: the log or the index is damaged, or they are of different stores. All that
            was found is in the log of the process.
    """
    log = check_log(disk, directory.log)
    problems = [(f"wal/{what}", detail) for what, detail in log.problems]
    try:
        index = SqliteIndexReader(directory.index)
    except DataDirectoryError:
        index = None  # a start makes one, and replays the log into it
    row_count = 0
    if index is not None:
        try:
            report = VerifyReport(directory.index)
            IndexCheck(sealing_key, report, no_progress).read(index)
            row_count = report.figures["index"]["rows"]
            problems += [(problem.what, problem.detail) for problem in report.problems]
            with index.snapshot() as snapshot:
                problems += _compare(disk, directory, snapshot)
        finally:
            index.close()
    _logger.info("read %d records of the log and %d rows", log.record_count, row_count)
    for what, detail in problems:
        _logger.error("%s: %s", what, detail)
    if problems:
        what, detail = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise CorruptionError(what, f"{detail}{more}; rucket verify says what can be done")


def _compare(disk: Disk, directory: DataDirectory, snapshot: Snapshot) -> list[tuple[str, str]]:
    """Looks for the newest records of the log that the index shows among the outcomes it keeps."""
    applied, _ = applied_position(snapshot)
    entries: deque[LogEntry] = deque(maxlen=_RECORDS_COMPARED_MAX)
    for reading in read_segments(disk, directory.log):
        for _, frame in reading.frames:
            entries.extend(e for e in frame.entries if e.sequence_number <= applied)
    recent = RecentOutcomes(snapshot)
    return [
        ("the index", f"it shows record {applied}, but not record {entry.sequence_number}")
        for entry in entries
        if entry.sequence_number > applied - _RECORDS_COMPARED_MAX
        and recent.get(decode_command(entry.payload).commit_id) is None
    ]
