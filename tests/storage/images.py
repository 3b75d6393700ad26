"""What the devices of a machine hold at one moment, and how to put it back.

An `Image` keeps what programs see apart from what is durable, with everything in between: the
writes of each file and the changes of names that no sync has covered, and the commits of the index
since it was last synced. `tests.storage.survivors` says what may be left of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.simulator.disk import Inode
from tests.simulator.file_names import FileNames, _Change
from tests.simulator.index import SimulatedIndexFile, _Rows
from tests.simulator.machine import SimulatedMachine
from tests.simulator.scheduler import Scheduler
from tests.simulator.trace import Trace

if TYPE_CHECKING:
    from rucket.ports.index import Table
    from tests.simulator.file_contents import FileContents, _Write
    from tests.simulator.index import _Value

Pages = dict[int, bytes]
Tables = dict["Table", dict[bytes, "_Value"]]
NameChange = tuple[tuple[str, int | None], ...]


@dataclass(frozen=True, slots=True)
class FileImage:
    """A file.

    Attributes:
        pages, size_bytes: what programs see.
        durable_pages, durable_size_bytes: what was synced.
        writes: those since, in order.
    """

    pages: Pages
    size_bytes: int
    durable_pages: Pages
    durable_size_bytes: int
    writes: tuple[_Write, ...] = ()


@dataclass(frozen=True, slots=True)
class Image:
    """The disk and the index.

    Attributes:
        names, durable_names: inode numbers by path.
        name_changes: those that no sync has covered, in order.
        files: by inode number.
        index_versions: the rows after each commit since the last sync, that first.
    """

    directories: tuple[str, ...]
    names: dict[str, int]
    durable_names: dict[str, int]
    name_changes: tuple[NameChange, ...]
    files: dict[int, FileImage]
    index_versions: tuple[Tables, ...]


class RecordedIndexFile(SimulatedIndexFile):
    """An index that remembers its rows after each commit since the last sync."""

    def __init__(self, scheduler: Scheduler, versions: tuple[Tables, ...]) -> None:
        super().__init__(scheduler)
        self.versions = list(versions)
        for table, rows in versions[-1].items():
            self.tables[table] = _Rows(sorted(rows), dict(rows))

    def commit(self, changes: dict[tuple[Table, bytes], _Value | None]) -> None:
        """See `SimulatedIndexFile.commit`."""
        super().commit(changes)
        version = dict(self.versions[-1])
        for table in {table for table, _ in changes}:
            version[table] = dict(self.tables[table].by_key)
        self.versions.append(version)

    def sync(self) -> None:
        """See `SimulatedIndexFile.sync`."""
        super().sync()
        del self.versions[:-1]


@dataclass(slots=True)
class Camera:
    """Takes images of a machine. What hasn't changed since the last one is shared with it."""

    machine: SimulatedMachine
    index_file: RecordedIndexFile
    _known: dict[int, FileImage] = field(default_factory=dict)

    def take(self) -> Image:
        """The image of this moment."""
        names = self.machine.device.names
        inodes = {inode.number: inode for inode in names._named.values()}
        inodes.update((inode.number, inode) for inode in names._durable.values())
        changes = []
        for change in names._unsynced:
            inodes.update((inode.number, inode) for _, inode in change.paths if inode is not None)
            changes.append(
                tuple(
                    (path, None if inode is None else inode.number) for path, inode in change.paths
                )
            )
        return Image(
            directories=tuple(names._directories),
            names={path: inode.number for path, inode in names._named.items()},
            durable_names={path: inode.number for path, inode in names._durable.items()},
            name_changes=tuple(changes),
            files={number: self._file(inode) for number, inode in inodes.items()},
            index_versions=tuple(self.index_file.versions),
        )

    def _file(self, inode: Inode) -> FileImage:
        contents = inode.contents
        known = self._known.get(inode.number)
        if known is not None and _is_unchanged(known, contents):
            return known
        image = FileImage(
            {page: bytes(data) for page, data in contents._pages.items()},
            contents.size_bytes,
            dict(contents._durable_pages),
            contents._durable_size_bytes,
            tuple(contents._unsynced),
        )
        self._known[inode.number] = image
        return image


def _is_unchanged(image: FileImage, contents: FileContents) -> bool:
    """Whether `image`, taken one operation ago or less, still shows a file."""
    if len(image.writes) != len(contents._unsynced):
        return False
    return not image.writes or image.writes[-1] is contents._unsynced[-1]


def restore(image: Image, seed: str) -> tuple[SimulatedMachine, RecordedIndexFile]:
    """A machine whose devices hold what `image` shows, with nothing running on it.

    Its ids, too, come from `seed`: two lives of the same disk need different ones.
    """
    scheduler = Scheduler(seed, Trace())
    machine = SimulatedMachine(scheduler, "machine")
    index_file = RecordedIndexFile(scheduler, image.index_versions)
    index_file.crash_point = machine.index_file.crash_point
    machine.index_file = index_file
    inodes = {number: _inode(number, file) for number, file in image.files.items()}
    device = machine.device
    device._inode_count = max(inodes, default=0)
    device.names = FileNames()
    device.names._directories = dict.fromkeys(image.directories)
    device.names._named = {path: inodes[number] for path, number in image.names.items()}
    device.names._durable = {path: inodes[number] for path, number in image.durable_names.items()}
    device.names._unsynced = [
        _Change(
            tuple((path, None if number is None else inodes[number]) for path, number in change)
        )
        for change in image.name_changes
    ]
    return machine, index_file


def _inode(number: int, image: FileImage) -> Inode:
    inode = Inode(number, 0)
    contents = inode.contents
    contents._pages = {page: bytearray(data) for page, data in image.pages.items()}
    contents.size_bytes = image.size_bytes
    contents._durable_pages = dict(image.durable_pages)
    contents._durable_size_bytes = image.durable_size_bytes
    contents._unsynced = list(image.writes)
    contents.allocated_pages = set(contents._pages)
    return inode


def blank_image(directories: tuple[str, ...]) -> Image:
    """A disk with nothing but directories, and an empty index."""
    return Image(directories, {}, {}, (), {}, ({},))
