"""Checking the checkpoints of a stopped server, and what an index could be built again from."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from rucket.daemon.offline_report import Area
from rucket.model.errors import CorruptionError, UnknownFormatError
from rucket.store.checkpoints.files import SUFFIX, look_at_checkpoint, verify_checkpoint
from rucket.store.rebuilding import is_reached
from rucket.store.wal.reading import LogExtent

if TYPE_CHECKING:
    from rucket.daemon.offline_report import Progress, VerifyReport
    from rucket.ports.disk import Disk
    from rucket.store.checkpoints.files import CheckpointFile
    from rucket.store.wal.inspection import LogCheck


def check_checkpoints(
    disk: Disk, directory: str, report: VerifyReport, progress: Progress
) -> list[CheckpointFile]:
    """Reads every checkpoint to its end; those that are whole, oldest first."""
    try:
        names = [name for name in disk.list_directory(directory) if name.endswith(SUFFIX)]
    except FileNotFoundError:
        names = []
    whole: list[CheckpointFile] = []
    for done, name in enumerate(names, start=1):
        path = posixpath.join(directory, name)
        try:
            checkpoint = look_at_checkpoint(disk, path)
            verify_checkpoint(disk, path)
        except CorruptionError as error:
            report.add(Area.CHECKPOINTS, name, error.detail)
        except UnknownFormatError as error:
            report.add(Area.CHECKPOINTS, name, str(error))
        else:
            whole.append(checkpoint)
        progress("checkpoints", done, len(names))
    report.figures["checkpoints"] = {
        "checkpoints": len(names),
        "newest_record": whole[-1].position if whole else 0,
    }
    return whole


def can_be_rebuilt(log: LogCheck, checkpoints: list[CheckpointFile]) -> bool:
    """Whether the index can be built again."""
    if log.problems:
        return False
    extent = LogExtent(log.first_sequence_number, log.last_sequence_number)
    return log.is_complete or any(is_reached(checkpoint, extent) for checkpoint in checkpoints)
