"""A small disk that fills: a tmpfs of a given size, which only root may mount."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rucket_platform.errors import FaultError

if TYPE_CHECKING:
    from collections.abc import Iterator

_BALLAST = "ballast"
_PIECE = bytes(1024 * 1024)


class SmallDisk:
    """A mounted file system."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def fill(self) -> None:
        """Take all the room there is."""
        try:
            with (self.directory / _BALLAST).open("ab", buffering=0) as file:
                for piece in (_PIECE, _PIECE[:4096]):
                    while file.write(piece) == len(piece):
                        pass
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise FaultError(f"the small disk can't be filled: {error}") from error

    def free(self) -> None:
        """Give the room back."""
        (self.directory / _BALLAST).unlink(missing_ok=True)


def can_mount() -> bool:
    """Whether this user may mount a small disk here: asked by trying."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    try:
        with small_disk(1024 * 1024):
            return True
    except FaultError:
        return False


@contextmanager
def small_disk(size_bytes: int) -> Iterator[SmallDisk]:
    """A disk for as long as the context is open.

    Raises:
        FaultError: It can't be mounted.
    """
    directory = Path(tempfile.mkdtemp(prefix="rucket-small-disk-"))
    try:
        _run("mount", "-t", "tmpfs", "-o", f"size={size_bytes},mode=700", "tmpfs", str(directory))
        try:
            yield SmallDisk(directory)
        finally:
            _run("umount", "--lazy", str(directory))
    finally:
        directory.rmdir()


def _run(*command: str) -> None:
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FaultError(f"{command[0]} did not work: {error}") from error
    if ended.returncode:
        raise FaultError(f"{command[0]} failed: {ended.stderr.strip()}")
