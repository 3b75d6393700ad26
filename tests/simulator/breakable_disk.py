"""A disk whose devices break: a `Disk` over another one, in which directories are devices."""

from __future__ import annotations

import enum
import errno
import os
from typing import TYPE_CHECKING

from rucket.model.errors import DeviceError, StorageFullError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rucket.ports.disk import Buffer, Disk, File


@enum.unique
class Fault(enum.Enum):
    """What may be wrong with a device."""

    READ_ONLY = enum.auto()
    SYNCS_FAIL = enum.auto()
    FULL = enum.auto()
    GONE = enum.auto()
    UNREADABLE = enum.auto()
    TOO_MANY_OPEN_FILES = enum.auto()


_ERRNO = {
    Fault.READ_ONLY: errno.EROFS,
    Fault.SYNCS_FAIL: errno.EIO,
    Fault.UNREADABLE: errno.EIO,
    Fault.TOO_MANY_OPEN_FILES: errno.EMFILE,
}


class BreakableDisk:
    """See the module.

    Attributes:
        faults: what is wrong, by the directory of a device.
        free: what `free_bytes` says, by the directory of a device, where it isn't the truth.
    """

    def __init__(self, disk: Disk, faults: dict[str, Fault] | None = None) -> None:
        self._disk = disk
        self.faults: dict[str, Fault] = {} if faults is None else faults
        self.free: dict[str, int] = {}

    def check(self, path: str, *faults: Fault, is_open: bool = False) -> None:
        """Raises what an operation raises on which `faults` have an influence. A file that is open
        stays usable when its device is gone.
        """
        for device, fault in self.faults.items():
            if path != device and not path.startswith(device + "/"):
                continue
            if fault is Fault.GONE and not is_open:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
            if fault not in faults:
                continue
            if fault is Fault.FULL:
                raise StorageFullError(f"no room left for {path}") from OSError(errno.ENOSPC, path)
            raise DeviceError(f"{path}: injected") from OSError(_ERRNO[fault], path)

    def create(self, path: str) -> File:
        """See `Disk.create`."""
        self.check(path, Fault.READ_ONLY, Fault.TOO_MANY_OPEN_FILES)
        return _BreakableFile(self, self._disk.create(path), path)

    def create_unnamed(self, directory: str) -> File:
        """See `Disk.create_unnamed`."""
        self.check(directory, Fault.READ_ONLY, Fault.TOO_MANY_OPEN_FILES)
        return _BreakableFile(self, self._disk.create_unnamed(directory), directory)

    def open(self, path: str, *, writable: bool = False) -> File:
        """See `Disk.open`."""
        self.check(path, Fault.UNREADABLE, Fault.TOO_MANY_OPEN_FILES)
        return _BreakableFile(self, self._disk.open(path, writable=writable), path)

    def make_directory(self, path: str) -> None:
        """See `Disk.make_directory`."""
        self.check(path)
        self._disk.make_directory(path)

    def make_directories(self, parent: str, names: Sequence[str]) -> None:
        """See `Disk.make_directories`."""
        self.check(parent)
        self._disk.make_directories(parent, names)

    def list_directory(self, path: str) -> list[str]:
        """See `Disk.list_directory`."""
        self.check(path, Fault.UNREADABLE)
        return self._disk.list_directory(path)

    def rename(self, source: str, target: str) -> None:
        """See `Disk.rename`."""
        self.check(source, Fault.READ_ONLY)
        self._disk.rename(source, target)

    def remove(self, path: str) -> None:
        """See `Disk.remove`."""
        self.check(path, Fault.READ_ONLY)
        self._disk.remove(path)

    def modified_ms(self, path: str) -> int:
        """See `Disk.modified_ms`."""
        self.check(path)
        return self._disk.modified_ms(path)

    def sync_directory(self, path: str) -> None:
        """See `Disk.sync_directory`."""
        self.check(path, Fault.SYNCS_FAIL)
        self._disk.sync_directory(path)

    def free_bytes(self, path: str) -> int:
        """See `Disk.free_bytes`."""
        self.check(path)
        return self.free[path] if path in self.free else self._disk.free_bytes(path)

    def capacity_bytes(self, path: str) -> int:
        """See `Disk.capacity_bytes`."""
        self.check(path)
        return self._disk.capacity_bytes(path)


class _BreakableFile:
    def __init__(self, disk: BreakableDisk, file: File, path: str) -> None:
        self._disk = disk
        self._file = file
        self._path = path
        self.read_cached_at = file.read_cached_at
        self.size_bytes = file.size_bytes
        self.try_lock = file.try_lock
        self.close = file.close

    def write_at(self, offset: int, buffers: Sequence[Buffer]) -> None:
        """See `File.write_at`."""
        self._disk.check(self._path, Fault.READ_ONLY, Fault.FULL, is_open=True)
        self._file.write_at(offset, buffers)

    def read_at(self, offset: int, size_bytes: int) -> bytes:
        """See `File.read_at`."""
        self._disk.check(self._path, Fault.UNREADABLE, is_open=True)
        return self._file.read_at(offset, size_bytes)

    def sync_data(self) -> None:
        """See `File.sync_data`."""
        self._disk.check(self._path, Fault.SYNCS_FAIL, is_open=True)
        self._file.sync_data()

    def allocate(self, size_bytes: int) -> None:
        """See `File.allocate`."""
        self._disk.check(self._path, Fault.FULL, is_open=True)
        self._file.allocate(size_bytes)

    def link(self, path: str) -> None:
        """See `File.link`."""
        self._disk.check(path, Fault.READ_ONLY)
        self._file.link(path)
