"""The small files of a node in a backup: who it is, its keys and its devices.

::

    devices.json      the registry of the data directory, if it has one. Numbers of devices stay
                      what they are, so that a later one than the manifest's does no harm

    files/NAME        as it is below the data directory
    files/NAME-CRC    what NAME is about to become, where the backup before has it with other
                      content: CRC is that of the new content, in eight hexadecimal digits

The manifest says the CRC of each. So whatever is interrupted, the manifest that is in place finds
its own: the old content stays under its name until the new manifest is there.
"""

from __future__ import annotations

import contextlib
import posixpath
from typing import TYPE_CHECKING, Final

from rucket.model.crc32c import crc32c
from rucket.model.errors import CorruptionError
from rucket.store.small_documents import read_small_file, replace_small_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rucket.ports.disk import Disk

FILES: Final = "files"
IDENTITY: Final = "rucket.json"
DEVICES: Final = "devices.json"
KEYS: Final = "keys"


def read_node_files(disk: Disk, data_dir: str) -> dict[str, bytes]:
    """The small files that belong to a node, by their paths below the data directory."""
    names = [IDENTITY]
    with contextlib.suppress(FileNotFoundError):
        names += [posixpath.join(KEYS, key) for key in disk.list_directory(f"{data_dir}/{KEYS}")]
    return {name: read_small_file(disk, posixpath.join(data_dir, name)) for name in names}


def read_devices(disk: Disk, directory: str) -> bytes | None:
    """The registry of devices in a data directory or a backup; None if there is none."""
    return _read(disk, posixpath.join(directory, DEVICES))


def write_devices(disk: Disk, directory: str, registry: bytes) -> None:
    """Puts it into a backup. Durable on return."""
    if read_devices(disk, directory) != registry:
        replace_small_file(disk, posixpath.join(directory, DEVICES), registry)


def read_backup_file(disk: Disk, directory: str, name: str, check: int) -> bytes:
    """A small file of a backup.

    Raises:
        CorruptionError: it isn't what was written, or is missing.
    """
    path = posixpath.join(directory, FILES, name)
    found = _read(disk, path)
    if found is not None and crc32c(found) == check:
        return found
    coming = _read(disk, _coming(path, check))
    if coming is not None and crc32c(coming) == check:
        return coming
    raise CorruptionError(path, "it is missing" if found is None else "its check doesn't fit")


def write_small_files(disk: Disk, directory: str, files: Mapping[str, bytes]) -> dict[str, int]:
    """Writes what a new manifest will speak of, beside what the old one does. Durable on return.

    Returns:
        The CRC of each, by its path.
    """
    checks = {name: crc32c(data) for name, data in files.items()}
    for name, data in files.items():
        path = posixpath.join(directory, FILES, name)
        disk.make_directory(posixpath.dirname(path))
        found = _read(disk, path)
        if found is None:
            replace_small_file(disk, path, data)
        elif found != data:
            replace_small_file(disk, _coming(path, checks[name]), data)
        else:
            # Whoever wrote it may have been killed before its name was durable.
            disk.sync_directory(posixpath.dirname(path))
    return checks


def settle_small_files(disk: Disk, directory: str, files: Mapping[str, bytes]) -> None:
    """Gives everything its own name, once the new manifest is in place, and removes the rest."""
    for name, data in files.items():
        path = posixpath.join(directory, FILES, name)
        if _read(disk, path) != data:
            replace_small_file(disk, path, data)
    for folder in {posixpath.dirname(posixpath.join(directory, FILES, name)) for name in files}:
        for entry in disk.list_directory(folder):
            path = posixpath.join(folder, entry)
            if entry != KEYS and posixpath.relpath(path, f"{directory}/{FILES}") not in files:
                disk.remove(path)


def _coming(path: str, check: int) -> str:
    return f"{path}-{check:08x}"


def _read(disk: Disk, path: str) -> bytes | None:
    try:
        return read_small_file(disk, path)
    except FileNotFoundError:
        return None
