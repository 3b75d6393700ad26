"""The `Disk` port on Linux. The only module, with `os_file`, that opens, syncs, links, renames or
removes a file of the data directory.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from rucket.disk.os_file import OsFile, device_errors

if TYPE_CHECKING:
    from collections.abc import Sequence

_FILE_MODE = 0o600
_DIRECTORY_MODE = 0o700
_NANOSECONDS_PER_MS = 1_000_000


class OsDisk:
    """Files of the operating system. Files are made 0600, directories 0700."""

    def create(self, path: str) -> OsFile:
        """See `Disk.create`."""
        with device_errors(path):
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            return OsFile(os.open(path, flags, _FILE_MODE), path)

    def create_unnamed(self, directory: str) -> OsFile:
        """See `Disk.create_unnamed`. The file system has to know O_TMPFILE, as ext4, XFS, Btrfs,
        tmpfs and recent overlayfs do.
        """
        with device_errors(directory):
            flags = os.O_RDWR | os.O_TMPFILE | os.O_CLOEXEC
            return OsFile(os.open(directory, flags, _FILE_MODE), f"{directory}/(unnamed)")

    def open(self, path: str, *, writable: bool = False) -> OsFile:
        """See `Disk.open`."""
        with device_errors(path):
            flags = (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC
            return OsFile(os.open(path, flags), path)

    def make_directory(self, path: str) -> None:
        """See `Disk.make_directory`."""
        directory = Path(path)
        missing = []
        while not directory.exists():
            missing.append(directory)
            directory = directory.parent
        # The one that exists may have been made by a process that was killed before its sync. Where
        # we may not even look, it wasn't one of ours.
        if os.access(directory.parent, os.R_OK):
            self.sync_directory(str(directory.parent))
        for directory in reversed(missing):
            with device_errors(str(directory)):
                directory.mkdir(_DIRECTORY_MODE, exist_ok=True)
            self.sync_directory(str(directory.parent))

    def make_directories(self, parent: str, names: Sequence[str]) -> None:
        """See `Disk.make_directories`."""
        with device_errors(parent):
            for name in names:
                Path(parent, name).mkdir(_DIRECTORY_MODE, exist_ok=True)
        self.sync_directory(parent)

    def list_directory(self, path: str) -> list[str]:
        """See `Disk.list_directory`."""
        with device_errors(path):
            return sorted(os.listdir(path))

    def rename(self, source: str, target: str) -> None:
        """See `Disk.rename`."""
        with device_errors(source):
            os.rename(source, target)

    def remove(self, path: str) -> None:
        """See `Disk.remove`."""
        with device_errors(path):
            os.unlink(path)

    def modified_ms(self, path: str) -> int:
        """See `Disk.modified_ms`."""
        with device_errors(path):
            return os.stat(path).st_mtime_ns // _NANOSECONDS_PER_MS

    def sync_directory(self, path: str) -> None:
        """See `Disk.sync_directory`."""
        with device_errors(path):
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def free_bytes(self, path: str) -> int:
        """See `Disk.free_bytes`."""
        with device_errors(path):
            status = os.statvfs(path)
            return status.f_bavail * status.f_frsize

    def capacity_bytes(self, path: str) -> int:
        """See `Disk.capacity_bytes`."""
        with device_errors(path):
            status = os.statvfs(path)
            reserved_blocks = status.f_bfree - status.f_bavail
            return (status.f_blocks - reserved_blocks) * status.f_frsize
