"""The manifest of a backup: JSON, written last. A backup without it is no backup.

::

    {"format_version": 1, "check": CRC32C of the JSON of "backup", "backup": {…}}
"""

from __future__ import annotations

import posixpath
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Final

from rucket.store.small_documents import DocumentFormat, read_small_file, replace_small_file

if TYPE_CHECKING:
    from rucket.ports.disk import Disk

BACKUP_FORMAT_VERSION: Final = 1
_FORMAT: Final = DocumentFormat(BACKUP_FORMAT_VERSION, "backup")
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
    return _FORMAT.encode(asdict(manifest))


def decode_manifest(text: bytes, name: str) -> BackupManifest:
    """What `encode_manifest` made `text` of.

    Raises:
        CorruptionError: it isn't what was written.
        UnknownFormatError: a newer Rucket wrote it.
    """
    return _FORMAT.decode(text, name, lambda fields: BackupManifest(**fields))


def read_manifest(disk: Disk, directory: str) -> BackupManifest:
    """That of the backup in a directory.

    Raises:
        FileNotFoundError: there is no complete backup.
        CorruptionError, UnknownFormatError: as `decode_manifest`.
    """
    path = posixpath.join(directory, MANIFEST_NAME)
    return decode_manifest(read_small_file(disk, path), path)


def write_manifest(disk: Disk, directory: str, manifest: BackupManifest) -> None:
    """Replaces the manifest: from now on the backup is this one. Durable on return."""
    replace_small_file(disk, posixpath.join(directory, MANIFEST_NAME), encode_manifest(manifest))
