"""How processes of a node tell each other down to where they read: a locked file for each.

::

    run/leases/NAME    floor (hlc, u64), count of publications (u64), crc over both (u32)

The kernel drops the lock when the process ends, however it ends; a file without a lock says nothing
any more. It has its lock before it has its name, so that nobody takes it for such a one.
"""

from __future__ import annotations

import contextlib
import logging
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rucket.model.crc32c import crc32c
from rucket.model.errors import DeviceError

if TYPE_CHECKING:
    from rucket.ports.clock import Clock
    from rucket.ports.disk import Disk, File

_LEASE: Final = struct.Struct("<QQ")
_CRC: Final = struct.Struct("<I")
LEASE_SIZE_BYTES: Final = _LEASE.size + _CRC.size

_logger = logging.getLogger(__name__)


def encode_lease(floor_hlc: int, publication: int) -> bytes:
    """The content of a file."""
    content = _LEASE.pack(floor_hlc, publication)
    return content + _CRC.pack(crc32c(content))


def decode_lease(data: bytes) -> tuple[int, int] | None:
    """Floor and count of publications; None if it isn't whole, as one that is being written."""
    content = data[: _LEASE.size]
    if len(data) != LEASE_SIZE_BYTES or _CRC.unpack_from(data, _LEASE.size)[0] != crc32c(content):
        return None
    floor_hlc, publication = _LEASE.unpack(content)
    return floor_hlc, publication


class LeaseFile:
    """The `FloorLease` of a process. All calls block, and come one after the other.

    Args:
        disk: of the data directory.
        directory: of all leases; made when it is needed.
        name: one that no process ever had.
    """

    def __init__(self, disk: Disk, directory: str, name: str) -> None:
        self._disk = disk
        self._directory = directory
        self._name = name
        self._file: File | None = None
        self._publication = 0

    def publish(self, floor_hlc: int) -> None:
        """See `FloorLease.publish`."""
        self._publication += 1
        content = encode_lease(floor_hlc, self._publication)
        if self._file is not None:
            self._file.write_at(0, [content])
            return
        self._disk.make_directory(self._directory)
        file = self._disk.create_unnamed(self._directory)
        try:
            is_locked = file.try_lock()
            assert is_locked, "nobody else has it"
            file.write_at(0, [content])
            file.link(f"{self._directory}/{self._name}")
        except BaseException:
            file.close()
            raise
        self._file = file

    def close(self) -> None:
        """Gives the lease up. Closing twice is harmless."""
        if self._file is not None:
            with contextlib.suppress(FileNotFoundError, DeviceError):
                self._disk.remove(f"{self._directory}/{self._name}")
            self._file.close()
            self._file = None


@dataclass(slots=True)
class _Seen:
    """A lease as it was seen: since when it has said the same."""

    floor_hlc: int
    publication: int
    since_s: float
    is_reported: bool = False


class LeaseFiles:
    """All leases of a node. All calls block.

    Args:
        disk: of the data directory.
        directory: of all leases.
        clock: says how long a process has been silent.
        silence_s_max: a process that has published nothing for so long isn't waited for any more.
    """

    def __init__(self, disk: Disk, directory: str, clock: Clock, silence_s_max: float) -> None:
        self._disk = disk
        self._directory = directory
        self._clock = clock
        self._silence_s_max = silence_s_max
        self._seen: dict[str, _Seen] = {}

    def lowest_floor_hlc(self) -> int | None:
        """Down to where any process reads; None if none does.

        Raises:
            DeviceError: they can't be read.
        """
        try:
            names = self._disk.list_directory(self._directory)
        except FileNotFoundError:
            return None
        self._seen = {name: seen for name, seen in self._seen.items() if name in names}
        floors = [floor for name in names if (floor := self._floor_of(name)) is not None]
        return min(floors, default=None)

    def _floor_of(self, name: str) -> int | None:
        path = f"{self._directory}/{name}"
        try:
            file = self._disk.open(path)
        except FileNotFoundError:
            return None  # its process has just given it up
        try:
            if file.try_lock():
                with contextlib.suppress(FileNotFoundError):
                    self._disk.remove(path)
                return None
            lease = decode_lease(file.read_at(0, LEASE_SIZE_BYTES))
        finally:
            file.close()
        if lease is None:
            return 0  # caught in the middle: nothing is removed until the next look
        return self._floor_unless_silent(name, *lease)

    def _floor_unless_silent(self, name: str, floor_hlc: int, publication: int) -> int | None:
        now_s = self._clock.monotonic_s()
        seen = self._seen.get(name)
        if seen is None or seen.publication != publication:
            self._seen[name] = _Seen(floor_hlc, publication, now_s)
            return floor_hlc
        if now_s - seen.since_s < self._silence_s_max:
            return floor_hlc
        if not seen.is_reported:
            seen.is_reported = True
            _logger.error(
                "the process %s lives and has been silent for %.0f s: what it reads may be "
                "removed from now on",
                name,
                self._silence_s_max,
            )
        return None
