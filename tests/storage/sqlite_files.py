"""What SQLite does to its files, recorded through a VFS, and put back as a power cut may leave it.

The files of an index live in a real directory while they are recorded; beside them, in
`tests.simulator` terms, is what of them is durable. As SQLite's own VFS does it, the first sync of
a rollback journal or WAL that was opened makes the names in its directory durable. Source:
os_unix.c, UNIXFILE_DIRSYNC. The shared memory (``-shm``) is gone after a power cut.
"""

from __future__ import annotations

import posixpath
from contextlib import contextmanager
from typing import TYPE_CHECKING

import apsw

from rucket.disk.os_disk import OsDisk
from tests.storage.images import Camera, Image, blank_image, restore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rucket.ports.disk import File
    from tests.simulator.disk import Inode

_DIRECTORY = "/index"
_NAMES_SYNCED_WITH = apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_WAL
_VFS_NAME = "recorded"
BY_INDEX = "by index: "


class RecordedFiles:
    """The files in one directory.

    Args:
        directory: where SQLite really has them.
        on_change: called before every change.
        is_lost: is asked about each sync, by the name of the file (with `BY_INDEX` before it, if
            the index asks for it and not SQLite); if so, that does nothing.
    """

    def __init__(
        self,
        directory: Path,
        on_change: Callable[[str], None],
        is_lost: Callable[[str], bool],
    ) -> None:
        self._directory = str(directory)
        self._on_change = on_change
        self._is_lost = is_lost
        machine, index_file = restore(blank_image(("/", _DIRECTORY)), "sqlite")
        self._device = machine.device
        self._camera = Camera(machine, index_file)

    def image(self) -> Image:
        """What the device holds now."""
        return self._camera.take()

    def adopt(self, path: str) -> None:
        """A file is there already, durably."""
        inode = self._device.new_inode()
        with open(path, "rb") as file:  # noqa: PTH123 - as the VFS names it
            inode.contents.write(0, file.read())
        inode.contents.sync()
        self._device.names.change((self._place(path), inode))
        self._device.names.sync_directory(_DIRECTORY)

    def is_ours(self, path: str) -> bool:
        """Whether a file is in the directory."""
        return posixpath.dirname(path) == self._directory

    def open(self, path: str) -> None:
        """A file is opened, and made where it is missing."""
        if self._device.names.find(self._place(path)) is None:
            self._on_change(f"create {posixpath.basename(path)}")
            self._device.names.change((self._place(path), self._device.new_inode()))

    def write(self, path: str, offset: int, data: bytes) -> None:
        """A file is written to."""
        self._on_change(f"write {posixpath.basename(path)} {offset} +{len(data)}")
        self._inode(path).contents.write(offset, data)

    def truncate(self, path: str, size_bytes: int) -> None:
        """A file is cut to a size, which has only ever been the one it has."""
        assert size_bytes == self._inode(path).contents.size_bytes, "a cut isn't recorded"

    def sync(self, path: str, *, with_names: bool = False, asked: str = "") -> None:
        """A file is synced."""
        what = asked + posixpath.basename(path)
        self._on_change(f"sync {what}")
        if self._is_lost(what):
            return
        self._inode(path).contents.sync()
        if with_names:
            self._device.names.sync_directory(_DIRECTORY)

    def delete(self, path: str, *, with_names: bool) -> None:
        """A file is removed."""
        self._on_change(f"remove {posixpath.basename(path)}")
        self._device.names.change((self._place(path), None))
        if with_names:
            self._device.names.sync_directory(_DIRECTORY)

    def rename(self, path: str, target: str) -> None:
        """A file gets another name."""
        self._on_change(f"rename {posixpath.basename(path)} to {posixpath.basename(target)}")
        inode = self._inode(path)
        self._device.names.change((self._place(path), None), (self._place(target), inode))

    def sync_names(self) -> None:
        """The directory is synced."""
        self._on_change("sync the directory")
        self._device.names.sync_directory(_DIRECTORY)

    def _place(self, path: str) -> str:
        return posixpath.join(_DIRECTORY, posixpath.basename(path))

    def _inode(self, path: str) -> Inode:
        inode = self._device.names.find(self._place(path))
        assert inode is not None
        return inode


class _RecordedVfs(apsw.VFS):
    def __init__(self, files: RecordedFiles) -> None:
        super().__init__(_VFS_NAME, base="unix", makedefault=True)
        self._files = files

    def xOpen(  # noqa: N802 - SQLite's name
        self, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> apsw.VFSFile:
        """Opens a file, recorded if it is ours."""
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        if path is None or not self._files.is_ours(path):
            return apsw.VFSFile("unix", name, flags)
        return _RecordedFile(self._files, path, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: FBT001, N802 - SQLite's
        """Removes a file."""
        if self._files.is_ours(filename):
            self._files.delete(filename, with_names=syncdir)
        super().xDelete(filename, syncdir)


class _RecordedFile(apsw.VFSFile):
    def __init__(
        self,
        files: RecordedFiles,
        path: str,
        name: str | apsw.URIFilename | None,
        flags: list[int],
    ) -> None:
        self._files = files
        self._path = path
        self._syncs_names = bool(flags[0] & _NAMES_SYNCED_WITH)
        super().__init__("unix", name, flags)
        files.open(path)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        """Writes."""
        self._files.write(self._path, offset, bytes(data))
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        """Syncs."""
        self._files.sync(self._path, with_names=self._syncs_names)
        self._syncs_names = False
        super().xSync(flags)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - SQLite's name
        """Cuts."""
        self._files.truncate(self._path, newsize)
        super().xTruncate(newsize)


class RecordedDisk(OsDisk):
    """A disk that records what the index itself does: syncs, and what it does to names."""

    def __init__(self, files: RecordedFiles) -> None:
        self._files = files

    def open(self, path: str, *, writable: bool = False) -> File:  # type: ignore[override]
        """See `Disk.open`."""
        return _SyncedFile(super().open(path, writable=writable), self._files, path)

    def rename(self, source: str, target: str) -> None:
        """See `Disk.rename`."""
        if posixpath.exists(source):
            self._files.rename(source, target)
        super().rename(source, target)

    def remove(self, path: str) -> None:
        """See `Disk.remove`."""
        if posixpath.exists(path):
            self._files.delete(path, with_names=False)
        super().remove(path)

    def sync_directory(self, path: str) -> None:
        """See `Disk.sync_directory`."""
        self._files.sync_names()
        super().sync_directory(path)


class _SyncedFile:
    def __init__(self, file: File, files: RecordedFiles, path: str) -> None:
        self._files = files
        self._path = path
        self.write_at = file.write_at
        self.read_at = file.read_at
        self.read_cached_at = file.read_cached_at
        self.try_lock = file.try_lock
        self.allocate = file.allocate
        self.try_lock = file.try_lock
        self.size_bytes = file.size_bytes
        self.link = file.link
        self.close = file.close

    def sync_data(self) -> None:
        """See `File.sync_data`."""
        self._files.sync(self._path, asked=BY_INDEX)


@contextmanager
def recorded(files: RecordedFiles) -> Iterator[None]:
    """Has SQLite open everything through the recorder, in this process, for a while."""
    vfs = _RecordedVfs(files)
    try:
        yield
    finally:
        vfs.unregister()
        apsw.set_default_vfs("unix")


def lay_out(image: Image, directory: Path) -> None:
    """Makes the files that an image says are durable."""
    for path, number in image.durable_names.items():
        file = image.files[number]
        with (directory / posixpath.basename(path)).open("wb") as target:
            for page, data in file.durable_pages.items():
                target.seek(page * len(data))
                target.write(data)
            target.truncate(file.durable_size_bytes)


def what_sqlite_finds_wrong(path: str) -> str:
    """What SQLite's own check of a database says; nothing if it is whole."""
    connection = apsw.Connection(path)
    try:
        found = str(connection.pragma("integrity_check"))
    finally:
        connection.close()
    return "" if found == "ok" else found
