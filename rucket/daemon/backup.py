"""Backups: a directory that holds all of a node at one position of its log.

::

    manifest.json               written last; says what belongs to the backup
    checkpoints/POSITION.ckpt   the rows
    blobs/                      the blobs that the rows name, a file each, verified while copied
    devices.json                what devices the node has
    files/                      rucket.json and keys/
    LOCK                        locked while a backup is made into it

A blob never changes, so that a second backup into the directory copies only those that are new;
those that are no longer named go when the new manifest is in place. Whatever interrupts it leaves
the backup that was there before.
"""

from __future__ import annotations

import fcntl
import os
import posixpath
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from rucket.daemon.backup_files import (
    DEVICES,
    FILES,
    read_devices,
    read_node_files,
    settle_small_files,
    write_devices,
    write_small_files,
)
from rucket.daemon.data_directory import DataDirectory
from rucket.daemon.devices import open_node_devices
from rucket.daemon.garbage_gate import GarbageGate
from rucket.disk.os_disk import OsDisk
from rucket.model.errors import ConfigurationError, CorruptionError, UnknownFormatError
from rucket.model.names import BlobId
from rucket.ports.index import Table
from rucket.runtime.system import SystemClock, SystemRandom
from rucket.store.backup_manifest import (
    MANIFEST_NAME,
    BackupManifest,
    read_manifest,
    write_manifest,
)
from rucket.store.blobs.file_blobs import FileBlobs, FileBlobWriter
from rucket.store.checkpoints.files import read_checkpoint, write_checkpoint
from rucket.store.index.sqlite_index import SqliteIndexReader

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from rucket.daemon.offline_report import Progress
    from rucket.ports.blobs import BlobReader, Blobs
    from rucket.ports.disk import Disk
    from rucket.ports.index import IndexReader
    from rucket.store.checkpoints.files import CheckpointFile

CHECKPOINTS: Final = "checkpoints"
BLOBS: Final = "blobs"
_LOCK: Final = "LOCK"
_OURS: Final = frozenset(
    {MANIFEST_NAME, CHECKPOINTS, BLOBS, FILES, DEVICES, _LOCK}
    | {name + ".new" for name in (MANIFEST_NAME, DEVICES)}
)
_PIECE_SIZE_BYTES: Final = 1024 * 1024
_IDS_PER_LIST: Final = 1000


@dataclass(slots=True)
class BackupReport:
    """What was done.

    Attributes:
        manifest: of the backup.
        copied_count: how many blobs were copied; the others were there.
        problems: blobs that couldn't be read, each with why.
    """

    manifest: BackupManifest
    copied_count: int = 0
    problems: list[str] = field(default_factory=list)


def blobs_of_backup(disk: Disk, directory: str) -> FileBlobs:
    """The blobs in a backup."""
    return FileBlobs(disk, posixpath.join(directory, BLOBS), 0, SystemRandom())


def named_blobs(disk: Disk, checkpoint_path: str) -> Iterator[BlobId]:
    """The blobs that the rows of a checkpoint name, in order."""
    for rows in read_checkpoint(disk, checkpoint_path):
        for table, key, _, _ in rows:
            if table is Table.BLOB_REFERENCES:
                yield BlobId(key)


def copy_blob(reader: BlobReader, disk: Disk, target: FileBlobs, blob_id: BlobId) -> int:
    """Copies a blob under its own id, every byte verified as it is read. Durable on return.

    Returns:
        Its size.

    Raises:
        CorruptionError: it isn't what was written.
        StorageFullError, DeviceError: it can't be read or written.
    """
    path = target.path(blob_id)
    disk.make_directory(posixpath.dirname(path))
    with suppress(FileNotFoundError):
        disk.remove(path)  # what stands there isn't whole
    writer = FileBlobWriter(disk, path, blob_id, reader.size_bytes)
    try:
        for offset in range(0, reader.size_bytes, _PIECE_SIZE_BYTES):
            size_bytes = min(_PIECE_SIZE_BYTES, reader.size_bytes - offset)
            writer.write(reader.read(offset, size_bytes))
        writer.finish()
    finally:
        writer.abort()
    return reader.size_bytes


def back_up(
    data_dir: Path, target: Path, progress: Progress, *, skip_damaged: bool = False
) -> BackupReport:
    """Makes a backup of a node, whether its server runs or not, into a directory that is empty or
    has an earlier backup of the same node.

    Raises:
        ConfigurationError: it is no data directory, or the target can't be one of its backups.
        CorruptionError: rows, or blobs that they name, can't be read (blobs: unless
            `skip_damaged`). The backup that was there before still is.
        StorageFullError, DeviceError: the target doesn't let us. Likewise.
    """
    disk = OsDisk()
    source = DataDirectory(str(data_dir), disk)
    try:
        node_id = source.read_identity().node_id
    except FileNotFoundError as error:
        raise ConfigurationError(f"{data_dir} is no data directory of Rucket") from error
    directory = str(target.absolute())
    _refuse_foreign(target, data_dir)
    disk.make_directory(directory)
    _refuse_other_node(disk, directory, node_id)
    with _locked(directory), GarbageGate(source.garbage_gate).closed():
        created_ms = SystemClock().wall_ms()
        # Before the rows: a rotation that ends meanwhile takes the old key off its list, but rows
        # of this backup are under it still.
        files = read_node_files(disk, str(data_dir))
        registry = read_devices(disk, str(data_dir))
        blobs = open_node_devices(source).blobs
        index = SqliteIndexReader(source.index)
        try:
            backed_up = BackupSource(node_id, created_ms, files, registry, index, blobs)
            return write_backup(disk, directory, backed_up, progress, skip_damaged=skip_damaged)
        finally:
            index.close()


@dataclass(frozen=True, slots=True)
class BackupSource:
    """What a backup is made of.

    Attributes:
        node_id: of the node.
        created_ms: now, milliseconds since the Unix epoch.
        files: the small files, by their paths below the data directory.
        devices: the registry of devices, if there is one.
        index: gives the rows; blobs: what they name.
    """

    node_id: str
    created_ms: int
    files: Mapping[str, bytes]
    devices: bytes | None
    index: IndexReader
    blobs: Blobs


def write_backup(
    disk: Disk, directory: str, source: BackupSource, progress: Progress, *, skip_damaged: bool
) -> BackupReport:
    """Makes a backup into a directory that is there; raises as `back_up`.

    Until the new manifest is in place nothing is changed that the old one speaks of, and all that
    the new one speaks of is durable before, also what an interrupted backup has left.
    """
    settled = _settled_blobs(disk, directory)
    with source.index.snapshot() as snapshot:
        checkpoint = write_checkpoint(disk, posixpath.join(directory, CHECKPOINTS), snapshot)
    copying = _Copying(disk, source.blobs, blobs_of_backup(disk, directory), settled, progress)
    copying.copy_all(checkpoint)
    if copying.missing and not skip_damaged:
        raise CorruptionError(
            f"{len(copying.missing)} of the blobs that objects need",
            f"no backup was made; --skip-damaged leaves them out. {copying.problems[0]}",
        )
    if source.devices is not None:
        write_devices(disk, directory, source.devices)
    manifest = BackupManifest(
        source.node_id,
        source.created_ms,
        checkpoint.position,
        posixpath.basename(checkpoint.path),
        copying.count,
        copying.size_bytes,
        write_small_files(disk, directory, source.files),
        copying.missing,
    )
    write_manifest(disk, directory, manifest)
    settle_small_files(disk, directory, source.files)
    _remove_others(disk, directory, checkpoint)
    return BackupReport(manifest, copying.copied_count, copying.problems)


def _settled_blobs(disk: Disk, directory: str) -> Iterator[BlobId]:
    """Those that the backup before names, in order; they are durable. Others may be what an
    interrupted backup has left.
    """
    try:
        manifest = read_manifest(disk, directory)
    except (FileNotFoundError, CorruptionError, UnknownFormatError):
        return
    missing = set(manifest.missing_blobs)
    path = posixpath.join(directory, CHECKPOINTS, posixpath.basename(manifest.checkpoint))
    with suppress(FileNotFoundError, CorruptionError, UnknownFormatError):
        yield from (each for each in named_blobs(disk, path) if each.hex() not in missing)


@dataclass(slots=True)
class _Copying:
    """Copies the blobs that a checkpoint names, where they aren't there yet."""

    disk: Disk
    source: Blobs
    target: FileBlobs
    settled: Iterator[BlobId]
    progress: Progress
    next_settled: BlobId | None = None
    count: int = 0
    copied_count: int = 0
    size_bytes: int = 0
    missing: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def copy_all(self, checkpoint: CheckpointFile) -> None:
        self.next_settled = next(self.settled, None)
        for blob_id in named_blobs(self.disk, checkpoint.path):
            size_bytes = self._size_there(blob_id)
            if size_bytes is None:
                size_bytes = self._copy(blob_id)
            if size_bytes is not None:
                self.count += 1
                self.size_bytes += size_bytes
            self.progress("blobs", self.count, None)

    def _size_there(self, blob_id: BlobId) -> int | None:
        """The size of a blob that an earlier backup has copied; it is durable on return."""
        try:
            reader = self.target.open(blob_id)
        except (FileNotFoundError, CorruptionError):
            return None
        try:
            size_bytes = reader.size_bytes
        finally:
            reader.close()
        while self.next_settled is not None and self.next_settled < blob_id:
            self.next_settled = next(self.settled, None)
        if blob_id != self.next_settled:
            self._settle(self.target.path(blob_id))
        return size_bytes

    def _settle(self, path: str) -> None:
        """Makes durable what an interrupted backup may not have."""
        file = self.disk.open(path)
        try:
            file.sync_data()
        finally:
            file.close()
        self.disk.sync_directory(posixpath.dirname(path))

    def _copy(self, blob_id: BlobId) -> int | None:
        try:
            reader = self.source.open(blob_id)
        except FileNotFoundError:
            self._miss(blob_id, "it is missing")
            return None
        except CorruptionError as error:
            self._miss(blob_id, str(error))
            return None
        try:
            size_bytes = copy_blob(reader, self.disk, self.target, blob_id)
        except CorruptionError as error:
            self._miss(blob_id, str(error))
            return None
        finally:
            reader.close()
        self.copied_count += 1
        return size_bytes

    def _miss(self, blob_id: BlobId, why: str) -> None:
        self.missing.append(blob_id.hex())
        self.problems.append(f"blob {blob_id.hex()}: {why}")


def _refuse_foreign(target: Path, data_dir: Path) -> None:
    if target.resolve() == data_dir.resolve() or data_dir.resolve() in target.resolve().parents:
        raise ConfigurationError(f"{target} is in the data directory: a backup belongs elsewhere")
    if target.exists():
        try:
            foreign = {path.name for path in target.iterdir()} - _OURS
        except NotADirectoryError as error:
            raise ConfigurationError(f"{target} is no directory") from error
        if foreign:
            raise ConfigurationError(
                f"{target} has {min(foreign)}, which is no part of a backup: choose a directory "
                "that is empty or has an earlier backup"
            )


def _refuse_other_node(disk: Disk, directory: str, node_id: str) -> None:
    try:
        earlier = read_manifest(disk, directory)
    except FileNotFoundError:
        return
    if earlier.node_id != node_id:
        raise ConfigurationError(
            f"{directory} has a backup of another node ({earlier.node_id}): choose another one"
        )


@contextmanager
def _locked(directory: str) -> Iterator[None]:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    descriptor = os.open(posixpath.join(directory, _LOCK), flags, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigurationError(f"another backup is being made into {directory}") from error
        yield
    finally:
        os.close(descriptor)


def _remove_others(disk: Disk, directory: str, checkpoint: CheckpointFile) -> None:
    """Removes what belonged to an earlier backup only."""
    checkpoints = posixpath.dirname(checkpoint.path)
    for name in disk.list_directory(checkpoints):
        if name != posixpath.basename(checkpoint.path):
            disk.remove(posixpath.join(checkpoints, name))
    blobs = blobs_of_backup(disk, directory)
    named = named_blobs(disk, checkpoint.path)
    next_named = next(named, None)
    after: BlobId | None = None
    with suppress(FileNotFoundError):
        while found := blobs.list_ids(after, _IDS_PER_LIST):
            for blob_id, _ in found:
                while next_named is not None and next_named < blob_id:
                    next_named = next(named, None)
                if blob_id != next_named:
                    blobs.delete(blob_id)
            after = found[-1][0]
