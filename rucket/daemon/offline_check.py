"""Checking everything below a data directory, while no server uses it.

::

    lock ── rucket.json ── log ── checkpoints ── index ── position in the log ── blobs

Nothing is repaired and nothing is changed but the lock file.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from rucket.daemon.data_directory import SEALING_KEY_SIZE_BYTES, DataDirectory
from rucket.daemon.devices import NodeDevices, open_node_devices
from rucket.daemon.key_register import KeyRegister
from rucket.daemon.offline_access import offline
from rucket.daemon.offline_blob_check import check_blobs
from rucket.daemon.offline_checkpoint_check import can_be_rebuilt, check_checkpoints
from rucket.daemon.offline_index_check import IndexCheck, check_position
from rucket.daemon.offline_report import Area, VerifyReport
from rucket.daemon.offline_segment_check import check_segments
from rucket.disk.os_disk import OsDisk
from rucket.model.errors import (
    CorruptionError,
    DataDirectoryError,
    OperatingError,
    UnknownFormatError,
)
from rucket.store.blobs.device_preparation import read_identity, read_registry
from rucket.store.blobs.device_records import IDENTITY_NAME
from rucket.store.index.sqlite_index import SqliteIndexReader
from rucket.store.wal.inspection import LogCheck, check_log

if TYPE_CHECKING:
    from rucket.daemon.offline_report import Progress
    from rucket.ports.disk import Disk

_REPORT_SUFFIX: Final = ".json"


def no_progress(stage: str, done: int, total: int | None) -> None:
    """For who doesn't want to know how far it is."""


def verify_data_directory(
    data_dir: Path, sealing_key: bytes | None, progress: Progress = no_progress
) -> VerifyReport:
    """Reads all of it.

    Args:
        data_dir: made by a server.
        sealing_key: 32 bytes, if the configuration has one; else the key file is used.
        progress: is told how far it is.

    Raises:
        ConfigurationError: it is no data directory, or a server uses it.
    """
    with offline(data_dir, "a running server verifies itself"):
        return _verify(data_dir, sealing_key, progress)


def _verify(data_dir: Path, sealing_key: bytes | None, progress: Progress) -> VerifyReport:
    report = VerifyReport(str(data_dir))
    disk = OsDisk()
    directory = DataDirectory(str(data_dir), disk)
    key = _check_small_files(directory, sealing_key, report)

    def log_progress(done: int, total: int) -> None:
        progress("log segments", done, total)

    log = check_log(disk, directory.log, log_progress)
    for what, detail in log.problems:
        report.add(Area.LOG, what, detail)
    report.figures["log"] = {
        "segments": log.segment_count,
        "records": log.record_count,
        "first_record": log.first_sequence_number,
        "last_record": log.last_sequence_number,
    }
    if log.tail_size_bytes:
        report.notes.append(
            f"{log.tail_size_bytes} bytes at the log's end belong to a batch that a crash cut off; "
            "the next start drops it: it was never acknowledged"
        )
    checkpoints = check_checkpoints(disk, directory.checkpoints, report, progress)
    is_rebuildable = can_be_rebuilt(log, checkpoints)
    index = IndexCheck(key, report, progress)
    is_index_there = _check_index(directory, index, log, report)
    devices = _open_devices(directory, disk, report)
    if devices is not None and is_index_there:
        for device in devices.by_number.values():
            check_segments(device.packed, index, report, progress)
        check_blobs(devices.blobs, index, report, progress)
    _check_master_keys(KeyRegister(disk, directory.key_register), index, report)
    if devices is not None:
        for quarantine in devices.quarantine_directories.values():
            _note_quarantine(Path(quarantine), report)
    _say_repairs(report, is_rebuildable=is_rebuildable)
    return report


def _open_devices(directory: DataDirectory, disk: Disk, report: VerifyReport) -> NodeDevices | None:
    """The devices that can be found; None if nobody knows which there are."""
    try:
        all_known = read_registry(disk, directory.devices)
    except (CorruptionError, UnknownFormatError) as error:
        report.add(Area.DIRECTORY, "devices.json", str(error))
        return None
    for known in all_known:
        path = f"{known.path}/{IDENTITY_NAME}"
        try:
            identity = read_identity(disk, path)
        except (FileNotFoundError, OperatingError) as error:
            if known.device_id:  # one of an earlier version doesn't say who it is
                report.add(Area.DIRECTORY, f"device {known.number}", f"it is lost: {error}")
            continue
        if (identity.number, identity.device_id) != (known.number, known.device_id):
            report.add(Area.DIRECTORY, f"device {known.number}", f"{path} is another one's")
    return open_node_devices(directory)


def _check_small_files(
    directory: DataDirectory, sealing_key: bytes | None, report: VerifyReport
) -> bytes:
    """Looks at identity and sealing key; the key, or another one where there is none."""
    try:
        directory.read_identity()
    except FileNotFoundError:
        report.add(Area.DIRECTORY, "rucket.json", "it is missing")
    except (CorruptionError, UnknownFormatError) as error:
        report.add(Area.DIRECTORY, "rucket.json", str(error))
    if sealing_key is not None:
        return sealing_key
    try:
        return directory.read_sealing_key()
    except FileNotFoundError:
        report.add(Area.DIRECTORY, "keys/sealing.key", "it is missing")
    except CorruptionError as error:
        report.add(Area.DIRECTORY, "keys/sealing.key", error.detail)
    return bytes(SEALING_KEY_SIZE_BYTES)


def _check_index(
    directory: DataDirectory, check: IndexCheck, log: LogCheck, report: VerifyReport
) -> bool:
    """Whether there is one, so that blobs can be compared with it."""
    report.figures["index"] = {}
    try:
        index = SqliteIndexReader(directory.index, is_inspection=True)
    except DataDirectoryError:
        if log.is_complete:
            report.notes.append("there is no index; the next start builds it from the log")
        else:
            report.add(Area.INDEX, "the index", "it is missing")
        return False
    except (CorruptionError, UnknownFormatError) as error:
        report.add(Area.INDEX, "the index", str(error))
        return False
    try:
        check.read(index)
        check_position(index, log, report)
    except CorruptionError as error:
        report.add(Area.INDEX, error.what, error.detail)
        check.is_whole = False
    finally:
        index.close()
    return True


def _check_master_keys(register: KeyRegister, index: IndexCheck, report: VerifyReport) -> None:
    """Compares the master keys that objects need with those that a start asks for. What is
    encrypted isn't decrypted: that takes no key.
    """
    try:
        listed = {key.id for key in register.read()}
    except (CorruptionError, UnknownFormatError) as error:
        report.add(Area.DIRECTORY, "keys/encryption.json", str(error))
        return
    if not listed and not index.key_ids:
        return
    report.figures["encryption"] = {
        f"under_{key_id}": index.key_ids[key_id] for key_id in sorted(listed | set(index.key_ids))
    }
    for key_id in sorted(set(index.key_ids) - listed):
        detail = f"objects are encrypted under master key {key_id}, which it doesn't list"
        report.add(Area.DIRECTORY, "keys/encryption.json", detail)


def _note_quarantine(directory: Path, report: VerifyReport) -> None:
    if directory.is_dir():
        count = sum(1 for path in directory.iterdir() if path.suffix != _REPORT_SUFFIX)
        if count:
            report.notes.append(f"{count} damaged blobs are in {directory}, each with a report")


def _say_repairs(report: VerifyReport, *, is_rebuildable: bool) -> None:
    areas = {problem.area for problem in report.problems}
    if Area.INDEX in areas and is_rebuildable:
        report.repairs.append(
            f"Index: rucket rebuild-index -d {report.data_dir} builds it again, with all there was."
        )
    elif Area.INDEX in areas:
        report.repairs.append(
            "Index: log and checkpoints aren't enough to build it again; restore the data "
            "directory from a backup."
        )
    if Area.LOG in areas:
        report.repairs.append(
            "Log: acknowledged records can't be read. If the index is whole, rucket repair "
            "accept-index begins a new log behind what it shows, and nothing of that is lost; else "
            "rucket repair log says what can be kept, and a backup may hold more."
        )
    if Area.CHECKPOINTS in areas:
        report.repairs.append(
            "Checkpoints: start the server; it makes new ones and puts damaged ones aside."
        )
    if Area.BLOBS in areas:
        report.repairs.append(
            "Blobs: this node has no other copy; upload the objects again, or restore their files "
            "from a backup. rucket inspect blob shows which blocks are still good."
        )
    if Area.SEGMENTS in areas:
        report.repairs.append(
            "Segments: the server builds maps of moved blobs again from the segments, soon after "
            "its start; until then those blobs can't be read. Damaged blobs are listed on their "
            "own."
        )
    if Area.DIRECTORY in areas:
        report.repairs.append(
            "Directory: restore the file from a backup. Without its sealing key, access keys made "
            "by the admin API have to be made again. keys/encryption.json can be removed: a start "
            "then asks for no master key, and lists the configured one."
        )
