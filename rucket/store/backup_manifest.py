"""The manifest of a backup: JSON, written last. A backup without it is no backup.

::

    {"format_version": 1, "check": CRC32C of the JSON of "backup", "backup": {…}}
"""

from __future__ import annotations

import contextlib
import json
import posixpath
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Final

from rucket.model.crc32c import crc32c
from rucket.model.errors import CorruptionError, UnknownFormatError

if TYPE_CHECKING:
    from rucket.ports.disk import Disk

BACKUP_FORMAT_VERSION: Final = 1
MANIFEST_NAME: Final = "manifest.json"


@dataclass(frozen=True, slots=True)
class BackupManifest:
    """What a backup holds.

    Attributes:
        node_id: of the node it was made of.
        created_ms: when it began, milliseconds since the Unix epoch.
        position: the newest record of the log that it shows.
        checkpoint: the name of the file with the rows.
        blob_count, blob_bytes: of the blobs that rows name and that are there.
        files: the crc of each small file, by its path below the data directory.
        missing_blobs: ids of those that couldn't be read when it was made.
    """

    node_id: str
    created_ms: int
    position: int
    checkpoint: str
    blob_count: int
    blob_bytes: int
    files: dict[str, int] = field(default_factory=dict)
    missing_blobs: list[str] = field(default_factory=list)


def encode_manifest(manifest: BackupManifest) -> bytes:
    """The content of the file."""
    fields = asdict(manifest)
    document = {
        "format_version": BACKUP_FORMAT_VERSION,
        "check": _check(fields),
        "backup": fields,
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def decode_manifest(text: bytes, name: str) -> BackupManifest:
    """What `encode_manifest` made `text` of.

    Raises:
        CorruptionError: it isn't what was written.
        UnknownFormatError: a newer Rucket wrote it.
    """
    try:
        document = json.loads(text)
        format_version = int(document["format_version"])
        if format_version != BACKUP_FORMAT_VERSION:
            raise UnknownFormatError(name, format_version, BACKUP_FORMAT_VERSION)
        fields = document["backup"]
        if document["check"] != _check(fields):
            raise CorruptionError(name, "its check doesn't fit")
        return BackupManifest(**fields)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CorruptionError(name, "it isn't what was written") from error


def _check(fields: object) -> int:
    return crc32c(json.dumps(fields, sort_keys=True).encode())


def read_manifest(disk: Disk, directory: str) -> BackupManifest:
    """That of the backup in a directory.

    Raises:
        FileNotFoundError: there is no complete backup.
        CorruptionError, UnknownFormatError: as `decode_manifest`.
    """
    path = posixpath.join(directory, MANIFEST_NAME)
    return decode_manifest(read_file(disk, path), path)


def write_manifest(disk: Disk, directory: str, manifest: BackupManifest) -> None:
    """Replaces the manifest: from now on the backup is this one. Durable on return."""
    replace_file(disk, posixpath.join(directory, MANIFEST_NAME), encode_manifest(manifest))


def read_file(disk: Disk, path: str) -> bytes:
    """All of a small file."""
    file = disk.open(path)
    try:
        return file.read_at(0, file.size_bytes())
    finally:
        file.close()


def replace_file(disk: Disk, path: str, data: bytes) -> None:
    """Writes a small file; a crash leaves the old one or the new one. Durable on return."""
    unfinished = path + ".new"
    with contextlib.suppress(FileNotFoundError):
        disk.remove(unfinished)
    file = disk.create(unfinished)
    try:
        file.write_at(0, [data])
        file.sync_data()
    finally:
        file.close()
    disk.rename(unfinished, path)
    disk.sync_directory(posixpath.dirname(path))
