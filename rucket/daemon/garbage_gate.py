"""Keeping garbage where it is while a backup copies blobs: a backup takes as long as it takes, and
what it is about to copy may be garbage by then.

A flock(2) on a file: shared by backups, exclusive for each batch of garbage. The kernel drops it
when a process dies, so that a backup that was killed holds nothing.
"""

from __future__ import annotations

import fcntl
import os
import posixpath
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rucket.disk.os_disk import OsDisk

if TYPE_CHECKING:
    from collections.abc import Iterator


class GarbageGate:
    """The gate of a data directory.

    Args:
        path: of the file, made where it is missing.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    @contextmanager
    def closed(self) -> Iterator[None]:
        """No garbage is removed meanwhile. Waits for a batch that is being removed."""
        descriptor = self._open()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def passed(self) -> Iterator[bool]:
        """Says whether garbage may be removed meanwhile."""
        descriptor = self._open()
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(descriptor)

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        try:
            return os.open(self._path, flags, 0o600)
        except FileNotFoundError:
            OsDisk().make_directory(posixpath.dirname(self._path))
            return os.open(self._path, flags, 0o600)
