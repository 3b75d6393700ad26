"""The names on a simulated disk, as programs see them and as the device has them.

A name that was made, moved or removed waits for a sync of its directory. When power is cut before
that, each such change is kept or lost; a rename is kept or lost as a whole, and a change is lost
with any earlier one that touched the same name. Directories are made durably at once.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    import random

T = TypeVar("T")

_KEEP_PROBABILITIES = (0.0, 0.2, 0.5, 0.8, 1.0)


@dataclass(frozen=True, slots=True)
class _Change(Generic[T]):
    """What a path names from now on; None: nothing."""

    paths: tuple[tuple[str, T | None], ...]

    def touches_directory(self, directory: str) -> bool:
        return any(posixpath.dirname(path) == directory for path, _ in self.paths)


class FileNames(Generic[T]):
    """Paths and what they name."""

    def __init__(self) -> None:
        self._directories: dict[str, None] = {"/": None}
        self._named: dict[str, T] = {}
        self._durable: dict[str, T] = {}
        self._unsynced: list[_Change[T]] = []

    def find(self, path: str) -> T | None:
        """What `path` names."""
        return self._named.get(path)

    def all(self) -> dict[str, T]:
        """All paths that programs see."""
        return dict(self._named)

    def is_directory(self, path: str) -> bool:
        """Whether there is such a directory."""
        return path in self._directories

    def make_directory(self, path: str) -> None:
        """Makes one directory."""
        self._directories[path] = None

    def list_directory(self, path: str) -> list[str]:
        """The names in a directory, sorted."""
        prefix = path.rstrip("/") + "/"
        known = [*self._named, *self._directories]
        return sorted(
            name[len(prefix) :]
            for name in known
            if name.startswith(prefix) and name != prefix and "/" not in name[len(prefix) :]
        )

    def change(self, *paths: tuple[str, T | None]) -> None:
        """Has paths name something else, all at once."""
        change = _Change(paths)
        self._unsynced.append(change)
        _carry_out(change, self._named)

    def sync_directory(self, directory: str) -> None:
        """Makes durable what has changed in a directory, and what that depends on."""
        while True:
            wanted = [
                place
                for place, change in enumerate(self._unsynced)
                if change.touches_directory(directory)
            ]
            if not wanted:
                return
            self._sync_up_to(wanted[0])

    def _sync_up_to(self, place: int) -> None:
        change = self._unsynced[place]
        names = {path for path, _ in change.paths}
        for earlier in range(place):
            if any(path in names for path, _ in self._unsynced[earlier].paths):
                self._sync_up_to(earlier)
                return
        _carry_out(change, self._durable)
        del self._unsynced[place]

    def lose_unsynced(self, random: random.Random) -> None:
        """Power is cut, and comes back."""
        keep = random.choice(_KEEP_PROBABILITIES)
        lost: set[str] = set()
        for change in self._unsynced:
            depends_on_lost = any(path in lost for path, _ in change.paths)
            if random.random() < keep and not depends_on_lost:
                _carry_out(change, self._durable)
            else:
                lost.update(path for path, _ in change.paths)
        self._unsynced.clear()
        self._named = dict(self._durable)


def _carry_out(change: _Change[T], names: dict[str, T]) -> None:
    for path, named in change.paths:
        if named is None:
            names.pop(path, None)
        else:
            names[path] = named
