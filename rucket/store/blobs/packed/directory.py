"""Where segments and maps of moved blobs are on a device.

::

    packed/X/ID.seg      a segment; ID is 12 hex digits, X the first
    packed/moved/ID      where the blobs that were born in segment ID are now
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final

from rucket.store.blobs.blob_ids import SEGMENT_ID_SIZE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rucket.ports.disk import Disk

_SUFFIX: Final = ".seg"
_DIRECTORY_COUNT: Final = 16


class PackedDirectory:
    """The paths below `root`. All calls but those of paths block."""

    def __init__(self, disk: Disk, root: str) -> None:
        self._disk = disk
        self._root = root
        self.moved = posixpath.join(root, "moved")

    def prepare(self) -> None:
        """Makes the directories."""
        for number in range(_DIRECTORY_COUNT):
            self._disk.make_directory(self._fan_out(number))
        self._disk.make_directory(self.moved)

    def _fan_out(self, number: int) -> str:
        return posixpath.join(self._root, f"{number:x}")

    def segment_path(self, segment_id: bytes) -> str:
        """Where a segment is, or would be."""
        return posixpath.join(self._fan_out(_number(segment_id)), segment_id.hex() + _SUFFIX)

    def moved_map_path(self, segment_id: bytes) -> str:
        """Where the map of a segment is, or would be."""
        return posixpath.join(self.moved, segment_id.hex())

    def segment_ids(self) -> Iterator[bytes]:
        """All segments, in order."""
        for number in range(_DIRECTORY_COUNT):
            yield from self._segment_ids_in(number)

    def birth_segment_ids(self, first: bytes) -> Iterator[bytes]:
        """The segments from `first` on, in order, that are there or have a map."""
        mapped = [segment_id for segment_id in self.moved_map_ids() if segment_id >= first]
        for number in range(_number(first), _DIRECTORY_COUNT):
            found = {segment_id for segment_id in mapped if _number(segment_id) == number}
            found.update(self._segment_ids_in(number))
            yield from sorted(segment_id for segment_id in found if segment_id >= first)

    def _segment_ids_in(self, number: int) -> list[bytes]:
        try:
            names = self._disk.list_directory(self._fan_out(number))
        except FileNotFoundError:
            return []
        return _ids(name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX))

    def moved_map_ids(self) -> list[bytes]:
        """The segments that have a map, in order."""
        try:
            return _ids(self._disk.list_directory(self.moved))
        except FileNotFoundError:
            return []


def _number(segment_id: bytes) -> int:
    return segment_id[0] >> 4


def _ids(names: Iterable[str]) -> list[bytes]:
    """Those of names that are ids; others aren't ours."""
    found = []
    for name in names:
        try:
            segment_id = bytes.fromhex(name)
        except ValueError:
            continue
        if len(segment_id) == SEGMENT_ID_SIZE_BYTES and segment_id.hex() == name:
            found.append(segment_id)
    return found
