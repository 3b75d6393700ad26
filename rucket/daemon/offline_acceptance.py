"""Taking the index for the truth when the log has lost records that it shows.

The log begins anew right behind what the index shows. Sequence numbers that were ever used are not
used again: where records behind the index can still be read, they are given up, and the log begins
behind them. The old segments are moved into ``wal-replaced/N/``.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rucket.daemon.data_directory import DataDirectory
from rucket.daemon.offline_access import offline
from rucket.daemon.offline_index_check import IndexCheck
from rucket.daemon.offline_report import Area, VerifyReport
from rucket.disk.os_disk import OsDisk
from rucket.model.errors import CorruptionError, DataDirectoryError
from rucket.runtime.system import SystemRandom
from rucket.state.rows import applied_position, put_applied_position
from rucket.store.checkpoints.keeping import CheckpointKeeper
from rucket.store.index.replacement import finish_replacement
from rucket.store.index.sqlite_index import SqliteIndex, SqliteIndexReader
from rucket.store.wal.beginning import begin_log, newest_seen, segment_number_of
from rucket.store.wal.inspection import segment_names
from rucket.store.wal.reading import log_extent

if TYPE_CHECKING:
    from pathlib import Path

    from rucket.daemon.offline_report import Progress
    from rucket.ports.disk import Disk
    from rucket.ports.random import Random


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What accepting the index means.

    Attributes:
        position: the newest record that the index shows.
        log_last: the newest one that the log holds without a gap or damage; None if there is none.
        log_damage: why no more of it can be read.
        given_up_last: the newest record that can still be seen behind the index, and is given up;
            0 if there is none.
        segment_count: how many segments are moved.
    """

    position: int
    log_last: int | None
    log_damage: str
    given_up_last: int
    segment_count: int

    @property
    def next_sequence_number(self) -> int:
        """That of the first record of the new log."""
        return max(self.position, self.given_up_last) + 1


def accept_index(
    data_dir: Path, sealing_key: bytes | None, progress: Progress, *, is_confirmed: bool
) -> Acceptance:
    """Finds out what accepting the index means and, if that is confirmed, does it. What a crash
    cuts off is done by doing it again.

    Args:
        data_dir: made by a server.
        sealing_key: 32 bytes, if the configuration has one; else the key file is used.
        progress: is told how far the check of the index is.
        is_confirmed: whether anything is to be changed.

    Raises:
        ConfigurationError: it is no data directory, or a server uses it.
        CorruptionError: the index is damaged.
        DataDirectoryError: the log holds all that the index shows: there is nothing to repair.
        StorageFullError, DeviceError: the disk doesn't let us.
    """
    with offline(data_dir, "stop it first"):
        disk = OsDisk()
        directory = DataDirectory(str(data_dir), disk)
        finish_replacement(disk, directory.index)
        key = sealing_key if sealing_key is not None else _key_of(directory)
        _refuse_damaged_index(directory, key, progress)
        earlier = _replaced_logs(disk, directory.replaced_logs)
        index = SqliteIndex(directory.index, disk)
        try:
            with index.snapshot() as snapshot:
                position, hlc = applied_position(snapshot)
            seen, seen_hlc = _newest_seen(disk, [directory.log, *earlier])
            acceptance = _acceptance(disk, directory, position, seen)
            if not is_confirmed:
                return acceptance
            if seen > position:
                with index.transaction() as transaction:
                    put_applied_position(transaction, seen, max(hlc, seen_hlc))
            index.sync()
        finally:
            index.close()
        begin_log_behind(
            disk,
            directory.log,
            directory.replaced_logs,
            acceptance.next_sequence_number,
            SystemRandom(),
        )
        reader = SqliteIndexReader(directory.index)
        try:
            CheckpointKeeper(disk, directory.checkpoints, reader).take()
        finally:
            reader.close()
        return acceptance


def _key_of(directory: DataDirectory) -> bytes:
    try:
        return directory.read_sealing_key()
    except FileNotFoundError as error:
        raise DataDirectoryError(
            f"{error}: without its sealing key the index can't be checked; restore that file"
        ) from error


def _refuse_damaged_index(directory: DataDirectory, key: bytes, progress: Progress) -> None:
    report = VerifyReport(directory.index)
    index = SqliteIndexReader(directory.index)
    try:
        check = IndexCheck(key, report, progress)
        check.read(index)
    finally:
        index.close()
    damaged = [each for each in report.problems if each.area is Area.INDEX]
    if not check.is_whole or damaged:
        detail = f"{damaged[0].what}: {damaged[0].detail}"
        raise CorruptionError("the index", f"it can't be accepted: {detail}; see rucket verify")


def _newest_seen(disk: Disk, directories: list[str]) -> tuple[int, int]:
    found = [newest_seen(disk, directory) for directory in directories]
    return max(number for number, _ in found), max(hlc for _, hlc in found)


def _acceptance(disk: Disk, directory: DataDirectory, position: int, seen: int) -> Acceptance:
    log_last: int | None = None
    damage = ""
    try:
        extent = log_extent(disk, directory.log)
    except CorruptionError as error:
        damage = str(error)
    else:
        if extent is not None:
            log_last = extent.last_sequence_number
            if log_last >= position:
                raise DataDirectoryError(
                    f"the log holds records up to {log_last}, and the index shows no more than "
                    f"record {position}: there is nothing to accept. Start the server"
                )
    count = len(segment_names(disk, directory.log))
    return Acceptance(position, log_last, damage, seen if seen > position else 0, count)


def _replaced_logs(disk: Disk, directory: str) -> list[str]:
    """The directories of logs that were moved away."""
    try:
        names = disk.list_directory(directory)
    except FileNotFoundError:
        return []
    return [posixpath.join(directory, name) for name in names if name.isdecimal()]


def begin_log_behind(
    disk: Disk, log: str, replaced_logs: str, first_sequence_number: int, random: Random
) -> None:
    """Moves all segments of a log away, and begins it anew. A crash in between leaves a log that no
    server starts on.
    """
    disk.make_directory(log)
    earlier = _replaced_logs(disk, replaced_logs)
    number = 1 + max((int(posixpath.basename(path)) for path in earlier), default=0)
    replaced = posixpath.join(replaced_logs, str(number))
    disk.make_directory(replaced)
    names = segment_names(disk, log)
    all_names = [*names, *(name for path in earlier for name in segment_names(disk, path))]
    segment_number = max(map(segment_number_of, all_names), default=0) + 1
    for name in names:
        disk.rename(posixpath.join(log, name), posixpath.join(replaced, name))
    disk.sync_directory(replaced)
    disk.sync_directory(log)
    begin_log(disk, log, first_sequence_number, segment_number, random)
