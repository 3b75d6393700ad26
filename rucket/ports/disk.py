"""Files, as everything above this layer may know them.

All calls block: `Tasks.run_blocking` is for callers on an event loop. Nothing is durable before
`File.sync_data` and, for a name, `Disk.sync_directory` have returned. Paths are absolute.

Every method raises StorageFullError when there is no room (ENOSPC, EDQUOT) and DeviceError for any
other refusal, unless it says otherwise; the OSError is their cause.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

Buffer = bytes | bytearray | memoryview


class File(Protocol):
    """An open file."""

    def write_at(self, offset: int, buffers: Sequence[Buffer]) -> None:
        """Writes all `buffers`, one after the other, from byte `offset` on."""
        ...

    def read_at(self, offset: int, size_bytes: int) -> bytes:
        """Up to `size_bytes` bytes from `offset` on; fewer only at the end of the file."""
        ...

    def read_cached_at(self, offset: int, size_bytes: int) -> bytes | None:
        """As `read_at`, but None where that would have to wait for the device."""
        ...

    def sync_data(self) -> None:
        """Returns once everything written, and the size, survive a power cut (fdatasync)."""
        ...

    def allocate(self, size_bytes: int) -> None:
        """Reserves room for `size_bytes` bytes, so that later writes don't run out of it."""
        ...

    def try_lock(self) -> bool:
        """Locks the file for this open file alone, until it is closed or its process ends. A file
        that is opened again is another open file.

        Returns:
            Whether that could be done; not if another one has locked it.
        """
        ...

    def size_bytes(self) -> int:
        """The size now."""
        ...

    def link(self, path: str) -> None:
        """Gives a file made by `Disk.create_unnamed` a name. `Disk.sync_directory` makes that
        durable.

        Raises:
            FileExistsError: the name is taken.
        """
        ...

    def close(self) -> None:
        """Gives the file back. Closing twice is harmless."""
        ...


class Disk(Protocol):
    """The directories and files of a device."""

    def create(self, path: str) -> File:
        """A new, empty file, open for reading and writing.

        Raises:
            FileExistsError: the name is taken.
        """
        ...

    def create_unnamed(self, directory: str) -> File:
        """A new file on the device of `directory`, gone when closed unless linked (O_TMPFILE)."""
        ...

    def open(self, path: str, *, writable: bool = False) -> File:
        """An existing file.

        Raises:
            FileNotFoundError: there is none.
        """
        ...

    def make_directory(self, path: str) -> None:
        """Makes `path` and its parents, where missing, and makes their names durable."""
        ...

    def make_directories(self, parent: str, names: Sequence[str]) -> None:
        """Makes directories in one that is there, where missing, and makes all names durable at
        once.
        """
        ...

    def list_directory(self, path: str) -> list[str]:
        """The names in a directory, sorted.

        Raises:
            FileNotFoundError: there is no such directory.
        """
        ...

    def rename(self, source: str, target: str) -> None:
        """Renames a file over `target`. `sync_directory` makes that durable."""
        ...

    def remove(self, path: str) -> None:
        """Removes a name. `sync_directory` makes that durable.

        Raises:
            FileNotFoundError: there is none.
        """
        ...

    def modified_ms(self, path: str) -> int:
        """When the file was last written, milliseconds since the Unix epoch.

        Raises:
            FileNotFoundError: there is none.
        """
        ...

    def sync_directory(self, path: str) -> None:
        """Returns once the names in `path` survive a power cut."""
        ...

    def free_bytes(self, path: str) -> int:
        """Room left for us on the device of `path`.

        Raises:
            FileNotFoundError: there is no such directory.
        """
        ...

    def capacity_bytes(self, path: str) -> int:
        """How much would be left on the device of `path` if it were empty.

        Raises:
            FileNotFoundError: there is no such directory.
        """
        ...
