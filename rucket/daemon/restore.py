"""Restoring a backup, and checking one.

A restored node goes on right behind the record that the backup shows: rows come from the backup's
checkpoint, blobs are copied and verified, the log begins anew. ``rucket.json`` is written last:
until then no server starts on the directory.
"""

from __future__ import annotations

import os
import posixpath
from typing import TYPE_CHECKING

from rucket.daemon.backup import CHECKPOINTS, blobs_of_backup, copy_blob, named_blobs
from rucket.daemon.backup_files import DEVICES, IDENTITY, read_backup_file, read_devices
from rucket.daemon.data_directory import DataDirectory
from rucket.daemon.offline_report import Area, VerifyReport
from rucket.daemon.preflight import LOCK_NAME, prepare_data_directory
from rucket.daemon.restored_devices import RestoredDevices
from rucket.disk.os_disk import OsDisk
from rucket.model.errors import ConfigurationError, CorruptionError, UnknownFormatError
from rucket.runtime.system import SystemRandom
from rucket.service.blob_scrubbing import verify_blob
from rucket.state.rows import applied_position
from rucket.store.backup_manifest import (
    MANIFEST_NAME,
    BackupManifest,
    read_manifest,
)
from rucket.store.blobs.device_records import decode_registry
from rucket.store.checkpoints.files import look_at_checkpoint, verify_checkpoint, write_checkpoint
from rucket.store.index.sqlite_index import SqliteIndex
from rucket.store.rebuilding import load_checkpoint
from rucket.store.small_documents import replace_small_file
from rucket.store.wal.beginning import begin_log

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rucket.daemon.offline_report import Progress
    from rucket.model.names import BlobId
    from rucket.ports.disk import Disk
    from rucket.store.blobs.file_blobs import FileBlobs


def is_backup(directory: Path) -> bool:
    """Whether there is a complete backup in a directory."""
    return (directory / MANIFEST_NAME).is_file()


def _manifest_of(disk: Disk, source: Path) -> BackupManifest:
    try:
        return read_manifest(disk, str(source))
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"{source} has no {MANIFEST_NAME}: it is no backup, or one that was never completed"
        ) from error


def restore(
    source: Path, data_dir: Path, progress: Progress, devices: Sequence[str] = ()
) -> BackupManifest:
    """Makes a data directory of a backup.

    Args:
        source: the backup.
        data_dir: of the new node.
        progress: is told how far it has come.
        devices: the configured ones. One that the node had, at the same path, gets the blobs that
            it had, and its number; it has to be empty. All other blobs go to the data directory.

    Raises:
        ConfigurationError: it is no backup, or the data directory isn't empty.
        CorruptionError: the backup isn't what was written. The data directory is no one's.
        StorageFullError, DeviceError: the disk doesn't let us. Likewise.
    """
    disk = OsDisk()
    manifest = _manifest_of(disk, source)
    if data_dir.exists() and {path.name for path in data_dir.iterdir()} - {LOCK_NAME}:
        raise ConfigurationError(
            f"{data_dir} isn't empty: a backup is restored into a new directory. If a restore was "
            "interrupted, empty it and restore again"
        )
    lock_descriptor = prepare_data_directory(data_dir)
    try:
        directory = DataDirectory(str(data_dir), disk)
        targets = RestoredDevices(
            disk, directory, manifest.node_id, read_devices(disk, str(source)), devices
        )
        _restore(disk, source, manifest, (directory, targets), progress)
        for name in (*(name for name in manifest.files if name != IDENTITY), IDENTITY):
            path = posixpath.join(str(data_dir), name)
            disk.make_directory(posixpath.dirname(path))
            replace_small_file(disk, path, _small_file(disk, source, manifest, name))
    finally:
        os.close(lock_descriptor)
    return manifest


def _small_file(disk: Disk, source: Path, manifest: BackupManifest, name: str) -> bytes:
    return read_backup_file(disk, str(source), name, manifest.files[name])


def _restore(
    disk: Disk,
    source: Path,
    manifest: BackupManifest,
    target: tuple[DataDirectory, RestoredDevices],
    progress: Progress,
) -> None:
    directory, devices = target
    checkpoint = look_at_checkpoint(disk, _checkpoint_path(source, manifest))
    if checkpoint.position != manifest.position:
        raise CorruptionError(checkpoint.path, f"it doesn't show record {manifest.position}")
    verify_checkpoint(disk, checkpoint.path)
    devices.prepare()
    missing = set(manifest.missing_blobs)
    stored = blobs_of_backup(disk, str(source))
    for done, blob_id in enumerate(named_blobs(disk, checkpoint.path), start=1):
        if blob_id.hex() not in missing:
            _restore_blob(disk, stored, devices.blobs_for(blob_id), blob_id)
        progress("blobs", done, manifest.blob_count + len(missing))
    devices.register()
    disk.make_directory(posixpath.dirname(directory.index))
    index = SqliteIndex(directory.index, disk)
    try:
        load_checkpoint(index, disk, checkpoint, progress)
        index.sync()
        with index.snapshot() as snapshot:
            write_checkpoint(disk, directory.checkpoints, snapshot)
            position, _ = applied_position(snapshot)
    finally:
        index.close()
    begin_log(disk, directory.log, position + 1, 1, SystemRandom())


def _checkpoint_path(source: Path, manifest: BackupManifest) -> str:
    return posixpath.join(str(source), CHECKPOINTS, posixpath.basename(manifest.checkpoint))


def _restore_blob(disk: Disk, stored: FileBlobs, blobs: FileBlobs, blob_id: BlobId) -> None:
    try:
        reader = stored.open(blob_id)
    except FileNotFoundError as error:
        raise CorruptionError(f"blob {blob_id.hex()} of the backup", "it is missing") from error
    try:
        copy_blob(reader, disk, blobs, blob_id)
    finally:
        reader.close()


def verify_backup(source: Path, progress: Progress, disk: Disk | None = None) -> VerifyReport:
    """Reads all of a backup, and says what is damaged.

    Args:
        source: the backup.
        progress: is told how far it has come.
        disk: on which it is; None: the operating system's.

    Raises:
        ConfigurationError: it is no backup.
    """
    disk = disk or OsDisk()
    report = VerifyReport(str(source))
    try:
        manifest = _manifest_of(disk, source)
    except (CorruptionError, UnknownFormatError) as error:
        report.add(Area.DIRECTORY, MANIFEST_NAME, str(error))
        return report
    for name in manifest.files:
        try:
            _small_file(disk, source, manifest, name)
        except CorruptionError as error:
            report.add(Area.DIRECTORY, name, error.detail)
    registry = read_devices(disk, str(source))
    if registry is not None:
        try:
            decode_registry(registry, DEVICES)
        except (CorruptionError, UnknownFormatError) as error:
            report.add(Area.DIRECTORY, DEVICES, str(error))
    path = _checkpoint_path(source, manifest)
    try:
        verify_checkpoint(disk, path)
        blob_ids = list(named_blobs(disk, path))
    except FileNotFoundError:
        report.add(Area.CHECKPOINTS, manifest.checkpoint, "it is missing")
        return report
    except (CorruptionError, UnknownFormatError) as error:
        report.add(Area.CHECKPOINTS, manifest.checkpoint, str(error))
        return report
    _verify_blobs(disk, source, (manifest, blob_ids), report, progress)
    report.figures["backup"] = {"record": manifest.position, "blobs": manifest.blob_count}
    if manifest.missing_blobs:
        count = len(manifest.missing_blobs)
        report.notes.append(f"{count} blobs couldn't be read when it was made, and are left out")
    if report.problems:
        report.repairs.append(
            "Backup: remove the files of damaged blobs, and make the backup again: what isn't "
            "there is copied."
        )
    return report


def _verify_blobs(
    disk: Disk,
    source: Path,
    wanted: tuple[BackupManifest, list[BlobId]],
    report: VerifyReport,
    progress: Progress,
) -> None:
    manifest, blob_ids = wanted
    missing = set(manifest.missing_blobs)
    blobs = blobs_of_backup(disk, str(source))
    for done, blob_id in enumerate(blob_ids, start=1):
        what = f"blob {blob_id.hex()}"
        try:
            if blob_id.hex() not in missing:
                reader = blobs.open(blob_id)
                try:
                    verify_blob(reader, 0, reader.size_bytes)
                finally:
                    reader.close()
        except FileNotFoundError:
            report.add(Area.BLOBS, what, "it is missing")
        except (CorruptionError, UnknownFormatError) as error:
            report.add(Area.BLOBS, what, str(error))
        progress("blobs", done, len(blob_ids))
