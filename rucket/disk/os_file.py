"""The `File` port on Linux."""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rucket.model.errors import DeviceError, StorageFullError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rucket.ports.disk import Buffer

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_BUFFERS_PER_CALL_MAX = 512  # below IOV_MAX


@contextmanager
def device_errors(path: str) -> Iterator[None]:
    """Translates OSError into what the `Disk` port promises; a missing or taken name stays what it
    is.

    Raises:
        StorageFullError: no room.
        DeviceError: any other refusal.
    """
    try:
        yield
    except (FileNotFoundError, FileExistsError):
        raise
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise StorageFullError(f"no room left for {path}: free or add space") from error
        raise DeviceError(f"{path}: {error.strerror or error}") from error


class OsFile:
    """An open file descriptor."""

    def __init__(self, descriptor: int, path: str) -> None:
        self._descriptor = descriptor
        self._path = path

    def write_at(self, offset: int, buffers: Sequence[Buffer]) -> None:
        """See `File.write_at`."""
        with device_errors(self._path):
            for first in range(0, len(buffers), _BUFFERS_PER_CALL_MAX):
                offset = self._write_some(offset, buffers[first : first + _BUFFERS_PER_CALL_MAX])

    def _write_some(self, offset: int, buffers: Sequence[Buffer]) -> int:
        end = offset + sum(map(len, buffers))
        written = os.pwritev(self._descriptor, buffers, offset)
        offset += written
        if offset == end:
            return end
        rest = memoryview(b"".join(buffers))[written:]
        while rest:
            count = os.pwrite(self._descriptor, rest, offset)
            rest, offset = rest[count:], offset + count
        return end

    def read_at(self, offset: int, size_bytes: int) -> bytes:
        """See `File.read_at`."""
        with device_errors(self._path):
            data = os.pread(self._descriptor, size_bytes, offset)
            if len(data) == size_bytes or not data:
                return data
            pieces = [data]
            got = len(data)
            while got < size_bytes and (
                data := os.pread(self._descriptor, size_bytes - got, offset + got)
            ):
                pieces.append(data)
                got += len(data)
            return b"".join(pieces)

    def read_cached_at(self, offset: int, size_bytes: int) -> bytes | None:
        """See `File.read_cached_at`."""
        data = bytearray(size_bytes)
        try:
            count = os.preadv(self._descriptor, [data], offset, os.RWF_NOWAIT)
        except OSError:
            # Not cached, or a file system that can't tell: the caller reads with read_at, which
            # meets, and reports, whatever else may be wrong.
            return None
        return bytes(data) if count == size_bytes else None

    def sync_data(self) -> None:
        """See `File.sync_data`."""
        with device_errors(self._path):
            os.fdatasync(self._descriptor)

    def allocate(self, size_bytes: int) -> None:
        """See `File.allocate`."""
        if size_bytes:
            with device_errors(self._path):
                os.posix_fallocate(self._descriptor, 0, size_bytes)

    def try_lock(self) -> bool:
        """See `File.try_lock`. Source: flock(2)."""
        with device_errors(self._path):
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

    def size_bytes(self) -> int:
        """See `File.size_bytes`."""
        with device_errors(self._path):
            return os.fstat(self._descriptor).st_size

    def link(self, path: str) -> None:
        """See `File.link`. Source: open(2), O_TMPFILE."""
        directory, name = os.path.split(path)
        with device_errors(path):
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                # With a directory descriptor os.link is linkat with AT_SYMLINK_FOLLOW.
                os.link(f"/proc/self/fd/{self._descriptor}", name, dst_dir_fd=descriptor)
            finally:
                os.close(descriptor)
        self._path = path

    def close(self) -> None:
        """See `File.close`."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
