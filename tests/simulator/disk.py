"""The `Disk` port, simulated: files that crash as real ones do, and fail when told to.

A `SimulatedDevice` outlives the processes of its machine; each process has its own
`SimulatedDisk` on it. When a process is killed, everything it has written stays and its files are
closed. When power is cut, only what was synced is sure to be there (`file_contents`,
`file_names`).

Before every operation the device passes a *crash point*: the nemesis may kill the process, or the
whole machine, right there, in the middle of blocking work.
"""

from __future__ import annotations

import errno
import posixpath
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rucket.model.errors import DeviceError, StorageFullError
from tests.simulator.file_contents import PAGE_SIZE_BYTES, FileContents
from tests.simulator.file_names import FileNames

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rucket.ports.disk import Buffer
    from tests.simulator.process import Process, SimulatedClock
    from tests.simulator.scheduler import Scheduler

CAPACITY_BYTES = 1024**3


class Inode:
    """A file, whatever its names."""

    def __init__(self, number: int, modified_ms: int) -> None:
        self.number = number
        self.contents = FileContents()
        self.modified_ms = modified_ms
        self.open_count = 0
        self.locked_by: SimulatedFile | None = None


@dataclass(slots=True)
class DiskFaults:
    """How often operations fail, and what else is wrong with a device.

    Attributes:
        applies_to: which paths are affected.
        lost_syncs: paths whose syncs return without doing anything, as those of a lying device
            would, or of a forgetful programmer.
    """

    read_error_rate: float = 0.0
    write_error_rate: float = 0.0
    sync_error_rate: float = 0.0
    uncached_rate: float = 0.3
    applies_to: Callable[[str], bool] = lambda _: True
    lost_syncs: Callable[[str], bool] = lambda _: False


def _no_crash(_: str) -> None:
    return


class SimulatedDevice:
    """What the disks of all processes of a machine have in common.

    Attributes:
        crash_point: called before every operation, with its name; may kill processes.
        capacity_bytes: room for all files together, for now.
        capacity_bytes_whole: what it is when nobody makes it less.
    """

    def __init__(self, scheduler: Scheduler, clock: SimulatedClock, name: str = "disk") -> None:
        self.scheduler = scheduler
        self.clock = clock
        self.name = name
        self.random = scheduler.random_stream(f"device/{name}")
        self.names: FileNames[Inode] = FileNames()
        self.faults = DiskFaults()
        self.capacity_bytes = self.capacity_bytes_whole = CAPACITY_BYTES
        self.crash_point: Callable[[str], None] = _no_crash
        self.operation_count = 0
        self._used_pages = 0
        self._inode_count = 0

    def attach(self, process: Process) -> SimulatedDisk:
        """The disk as `process` sees it."""
        return SimulatedDisk(self, process)

    def cut_power(self) -> None:
        """Loses what isn't durable. The processes of the machine have to be dead already."""
        self.note("device", "loses power")
        self.names.lose_unsynced(self.random)
        inodes = {inode.number: inode for inode in self.names.all().values()}
        for number in sorted(inodes):
            inodes[number].contents.lose_unsynced(self.random)
            inodes[number].open_count = 0
        self._used_pages = sum(len(inode.contents.allocated_pages) for inode in inodes.values())

    def note(self, actor: str, what: str) -> None:
        """Adds to the trace."""
        self.scheduler.trace.add(self.scheduler.now_s, actor, what)

    def new_inode(self) -> Inode:
        """An empty file without a name."""
        self._inode_count += 1
        return Inode(self._inode_count, self.clock.wall_ms())

    def free_bytes(self) -> int:
        """Room that is left."""
        return max(0, self.capacity_bytes - self._used_pages * PAGE_SIZE_BYTES)

    def take_room(self, inode: Inode, pages: list[int], path: str) -> None:
        """Allocates pages of a file, all or none.

        Raises:
            StorageFullError: there isn't enough room.
        """
        if len(pages) * PAGE_SIZE_BYTES > self.free_bytes():
            self.note("device", f"is full for {path}")
            raise StorageFullError(f"no room left for {path}") from OSError(errno.ENOSPC, path)
        inode.contents.allocated_pages.update(pages)
        self._used_pages += len(pages)

    def give_back_if_unused(self, inode: Inode) -> None:
        """Frees the room of a file that has no name and isn't open."""
        if inode.open_count == 0 and inode not in self.names.all().values():
            self._used_pages -= len(inode.contents.allocated_pages)
            inode.contents.allocated_pages.clear()

    def maybe_fail(self, rate: float, path: str, what: str) -> None:
        """Fails an operation now and then.

        Raises:
            DeviceError: this is one of those times.
        """
        if rate and self.faults.applies_to(path) and self.random.random() < rate:
            self.note("device", f"fails to {what} {path}")
            raise DeviceError(f"{path}: injected") from OSError(errno.EIO, path)


class SimulatedFile:
    """The `File` port."""

    def __init__(self, disk: SimulatedDisk, inode: Inode, path: str, *, writable: bool) -> None:
        self._disk = disk
        self._device = disk.device
        self._inode = inode
        self._path = path
        self._writable = writable
        self._open = True
        inode.open_count += 1
        self._forget = disk.process.at_end(self._close)

    def write_at(self, offset: int, buffers: Sequence[Buffer]) -> None:
        """See `File.write_at`. One that fails has written some of the bytes, from the front."""
        data = b"".join(buffers)
        self._begin(f"write {offset} +{len(data)} crc {zlib.crc32(data):08x}")
        assert self._writable, f"{self._path} is open for reading only"
        if not data:
            return
        contents = self._inode.contents
        self._inode.modified_ms = self._device.clock.wall_ms()
        try:
            self._device.maybe_fail(self._device.faults.write_error_rate, self._path, "write")
            missing = contents.missing_pages(offset, len(data))
            self._device.take_room(self._inode, missing, self._path)
        except (DeviceError, StorageFullError):
            self._write_partly(offset, data)
            raise
        contents.write(offset, data)

    def _write_partly(self, offset: int, data: bytes) -> None:
        data = data[: self._device.random.randrange(len(data) + 1)]
        missing = self._inode.contents.missing_pages(offset, len(data)) if data else []
        if len(missing) * PAGE_SIZE_BYTES <= self._device.free_bytes():
            self._device.take_room(self._inode, missing, self._path)
            self._inode.contents.write(offset, data)

    def read_at(self, offset: int, size_bytes: int) -> bytes:
        """See `File.read_at`."""
        self._begin(f"read {offset} +{size_bytes}")
        self._device.maybe_fail(self._device.faults.read_error_rate, self._path, "read")
        return self._inode.contents.read(offset, size_bytes)

    def read_cached_at(self, offset: int, size_bytes: int) -> bytes | None:
        """See `File.read_cached_at`."""
        self._begin(f"read cached {offset} +{size_bytes}", blocks=False)
        if self._device.random.random() < self._device.faults.uncached_rate:
            return None
        data = self._inode.contents.read(offset, size_bytes)
        return data if len(data) == size_bytes else None

    def sync_data(self) -> None:
        """See `File.sync_data`. After a failure some of the data is lost for good, and the next
        sync knows nothing of it."""
        self._begin("sync")
        if self._device.faults.lost_syncs(self._path):
            return
        try:
            self._device.maybe_fail(self._device.faults.sync_error_rate, self._path, "sync")
        except DeviceError:
            self._inode.contents.fail_sync(self._device.random)
            raise
        self._inode.contents.sync()

    def allocate(self, size_bytes: int) -> None:
        """See `File.allocate`."""
        self._begin(f"allocate {size_bytes}")
        if size_bytes:
            missing = self._inode.contents.missing_pages(0, size_bytes)
            self._device.take_room(self._inode, missing, self._path)
            self._inode.contents.extend(size_bytes)

    def try_lock(self) -> bool:
        """See `File.try_lock`."""
        self._begin("try to lock")
        if self._inode.locked_by not in (None, self):
            return False
        self._inode.locked_by = self
        return True

    def size_bytes(self) -> int:
        """See `File.size_bytes`."""
        self._begin("size")
        return self._inode.contents.size_bytes

    def link(self, path: str) -> None:
        """See `File.link`."""
        self._begin(f"link as {path}")
        self._disk.check_new(path)
        self._device.names.change((path, self._inode))
        self._path = path

    def close(self) -> None:
        """See `File.close`."""
        self._disk.process.check_alive()
        self._forget()
        self._close()

    def _close(self) -> None:
        if self._open:
            self._open = False
            if self._inode.locked_by is self:
                self._inode.locked_by = None
            self._inode.open_count -= 1
            self._device.give_back_if_unused(self._inode)

    def _begin(self, what: str, *, blocks: bool = True) -> None:
        self._disk.begin(f"{what} in {self._path} #{self._inode.number}", blocks=blocks)
        if not self._open:
            raise DeviceError(f"{self._path} is closed") from OSError(errno.EBADF, self._path)


class SimulatedDisk:
    """The `Disk` port of one process."""

    def __init__(self, device: SimulatedDevice, process: Process) -> None:
        self.device = device
        self.process = process

    def create(self, path: str) -> SimulatedFile:
        """See `Disk.create`."""
        self.begin(f"create {path}")
        self.check_new(path)
        inode = self.device.new_inode()
        self.device.names.change((path, inode))
        return SimulatedFile(self, inode, path, writable=True)

    def create_unnamed(self, directory: str) -> SimulatedFile:
        """See `Disk.create_unnamed`."""
        self.begin(f"create unnamed in {directory}")
        self._check_directory(directory)
        inode = self.device.new_inode()
        return SimulatedFile(self, inode, f"{directory}/(unnamed)", writable=True)

    def open(self, path: str, *, writable: bool = False) -> SimulatedFile:
        """See `Disk.open`."""
        self.begin(f"open {path}")
        return SimulatedFile(self, self._find(path), path, writable=writable)

    def make_directory(self, path: str) -> None:
        """See `Disk.make_directory`."""
        parents = []
        while not self.device.names.is_directory(path):
            parents.append(path)
            path = posixpath.dirname(path)
        for directory in reversed(parents):
            self.begin(f"make directory {directory}")
            self.device.names.make_directory(directory)

    def make_directories(self, parent: str, names: Sequence[str]) -> None:
        """See `Disk.make_directories`."""
        self._check_directory(parent)
        for name in names:
            self.make_directory(posixpath.join(parent, name))

    def list_directory(self, path: str) -> list[str]:
        """See `Disk.list_directory`."""
        self.begin(f"list {path}")
        self._check_directory(path)
        return self.device.names.list_directory(path)

    def rename(self, source: str, target: str) -> None:
        """See `Disk.rename`."""
        self.begin(f"rename {source} to {target}")
        inode = self._find(source)
        self._check_directory(posixpath.dirname(target))
        replaced = self.device.names.find(target)
        self.device.names.change((source, None), (target, inode))
        if replaced is not None:
            self.device.give_back_if_unused(replaced)

    def remove(self, path: str) -> None:
        """See `Disk.remove`."""
        self.begin(f"remove {path}")
        inode = self._find(path)
        self.device.names.change((path, None))
        self.device.give_back_if_unused(inode)

    def modified_ms(self, path: str) -> int:
        """See `Disk.modified_ms`."""
        self.begin(f"look at {path}")
        return self._find(path).modified_ms

    def sync_directory(self, path: str) -> None:
        """See `Disk.sync_directory`."""
        self.begin(f"sync directory {path}")
        self._check_directory(path)
        if self.device.faults.lost_syncs(path):
            return
        self.device.maybe_fail(self.device.faults.sync_error_rate, path, "sync")
        self.device.names.sync_directory(path)

    def free_bytes(self, path: str) -> int:
        """See `Disk.free_bytes`."""
        self.begin(f"free bytes of {path}")
        return self.device.free_bytes()

    def capacity_bytes(self, path: str) -> int:
        """See `Disk.capacity_bytes`."""
        self.begin(f"capacity of {path}")
        return self.device.capacity_bytes

    def begin(self, what: str, *, blocks: bool = True) -> None:
        """Passes the crash point before an operation, and notes the operation."""
        self.process.check_alive()
        if blocks:
            self.process.scheduler.refuse_on_loop(what)
        self.device.operation_count += 1
        self.device.crash_point(what)
        self.process.check_alive()
        self.device.note(self.process.name, what)

    def check_new(self, path: str) -> None:
        """Raises what a name that can't be made raises."""
        self._check_directory(posixpath.dirname(path))
        if self.device.names.find(path) is not None or self.device.names.is_directory(path):
            raise FileExistsError(errno.EEXIST, path)

    def _check_directory(self, path: str) -> None:
        if not self.device.names.is_directory(path):
            raise FileNotFoundError(errno.ENOENT, path)

    def _find(self, path: str) -> Inode:
        inode = self.device.names.find(path)
        if inode is None:
            raise FileNotFoundError(errno.ENOENT, path)
        return inode
