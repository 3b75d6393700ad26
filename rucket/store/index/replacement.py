"""Putting a new index in the place of an old one, so that a crash leaves the one or the other.

The new index is one file, complete and closed, so that nothing of it is in a WAL. ::

    rebuilding.db ──complete, synced──> rebuilt.db        from here on it is the index
    index.db-wal  ──> replaced.db-wal                     the new one must never meet the old WAL
    index.db      ──> replaced.db
    rebuilt.db    ──> index.db
    replaced.*    removed

Whoever is about to open an index calls `finish_replacement` first: what a crash has cut off before
``rebuilt.db`` had its name is removed, what came after it is carried on.
"""

from __future__ import annotations

import contextlib
import posixpath
from typing import TYPE_CHECKING, Final

from rucket.model.errors import CorruptionError

if TYPE_CHECKING:
    from rucket.ports.disk import Disk

_UNFINISHED: Final = "rebuilding.db"
_FINISHED: Final = "rebuilt.db"
_REPLACED: Final = "replaced.db"
_SQLITE_SUFFIXES: Final = ("-wal", "-shm", "-journal")


def unfinished_path(index_path: str) -> str:
    """Where the new index is built."""
    return posixpath.join(posixpath.dirname(index_path), _UNFINISHED)


def discard_unfinished(disk: Disk, index_path: str) -> None:
    """Removes a new index that isn't complete, if there is one."""
    _remove(disk, unfinished_path(index_path))


def replace_index(disk: Disk, index_path: str) -> None:
    """Makes the complete, closed index at `unfinished_path` the index. Durable on return.

    Raises:
        CorruptionError: it is not closed: a WAL is beside it.
        StorageFullError, DeviceError: the disk doesn't let us; the next call, or
            `finish_replacement`, goes on.
    """
    directory = posixpath.dirname(index_path)
    unfinished = unfinished_path(index_path)
    if posixpath.basename(unfinished) + "-wal" in disk.list_directory(directory):
        raise CorruptionError(unfinished, "SQLite's WAL is still beside it")
    file = disk.open(unfinished)
    try:
        file.sync_data()
    finally:
        file.close()
    disk.rename(unfinished, posixpath.join(directory, _FINISHED))
    finish_replacement(disk, index_path)


def finish_replacement(disk: Disk, index_path: str) -> None:
    """Carries on what `replace_index` had begun; harmless where it hadn't. No server runs."""
    directory = posixpath.dirname(index_path)
    try:
        names = disk.list_directory(directory)
    except FileNotFoundError:
        return
    finished = posixpath.join(directory, _FINISHED)
    replaced = posixpath.join(directory, _REPLACED)
    if _FINISHED in names:
        # Nothing of the old one is touched before the name of the new one is durable.
        disk.sync_directory(directory)
        for suffix in _SQLITE_SUFFIXES:
            with contextlib.suppress(FileNotFoundError):
                disk.rename(index_path + suffix, replaced + suffix)
        disk.sync_directory(directory)
        with contextlib.suppress(FileNotFoundError):
            disk.rename(index_path, replaced)
        disk.rename(finished, index_path)
        disk.sync_directory(directory)
    discard_unfinished(disk, index_path)
    _remove(disk, replaced)


def _remove(disk: Disk, path: str) -> None:
    for suffix in ("", *_SQLITE_SUFFIXES):
        with contextlib.suppress(FileNotFoundError):
            disk.remove(path + suffix)
