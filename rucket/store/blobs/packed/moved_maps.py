"""Where records are that are no longer where they were born.

A map belongs to the segment its records were born in, and is there when some of them have been
moved. It is written whole, aside, and renamed over the one before, so that every process sees the
one or the other; only the compactor writes. Readers keep the maps they have used: an entry that has
become stale names a segment that is gone, and is looked up again.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from rucket.model.errors import CorruptionError
from rucket.store.blobs.packed.moved_layout import decode_moved_map, encode_moved_map

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rucket.ports.disk import Disk
    from rucket.ports.threads import Threads
    from rucket.store.blobs.packed.directory import PackedDirectory
    from rucket.store.blobs.packed.moved_layout import Place

KEPT_MAPS_MAX: Final = 64
_ASIDE: Final = ".new"


class MovedMaps:
    """The maps of a device. All calls block."""

    def __init__(
        self, disk: Disk, directory: PackedDirectory, threads: Threads, device_number: int
    ) -> None:
        self._disk = disk
        self._device_number = device_number
        self._directory = directory
        self._lock = threads.lock()
        self._kept: OrderedDict[bytes, dict[int, Place]] = OrderedDict()

    def find(self, segment_id: bytes, offset_bytes: int) -> Place | None:
        """Where the record born there is now, as far as is known without looking again."""
        return self.whole(segment_id).get(offset_bytes)

    def find_again(self, segment_id: bytes, offset_bytes: int) -> Place | None:
        """As `find`, from the disk."""
        return self.load(segment_id).get(offset_bytes)

    def whole(self, segment_id: bytes) -> dict[int, Place]:
        """The map of a segment, as far as is known without looking again. It isn't to be changed.

        Raises:
            CorruptionError, UnknownFormatError: as `load`.
        """
        with self._lock:
            kept = self._kept.get(segment_id)
        return self.load(segment_id) if kept is None else kept

    def load(self, segment_id: bytes) -> dict[int, Place]:
        """The map of a segment, from the disk; empty if it has none. It isn't to be changed.

        Raises:
            CorruptionError: it isn't what was written. It can be built again from the segments,
                which the compactor does.
            UnknownFormatError: a newer Rucket wrote it.
        """
        path = self._directory.moved_map_path(segment_id)
        try:
            file = self._disk.open(path)
        except FileNotFoundError:
            places: dict[int, Place] = {}
        else:
            try:
                places = decode_moved_map(file.read_at(0, file.size_bytes()), segment_id, path)
            finally:
                file.close()
        if any(place.device_number != self._device_number for place in places.values()):
            raise CorruptionError(path, "it names another device")
        if places:
            self._keep(segment_id, places)
        return places

    def save(self, maps: Mapping[bytes, Mapping[int, Place]]) -> None:
        """Replaces the maps of segments; returns once that survives a power cut. One that has
        become empty is removed, which may come undone: what it says then isn't there any more.
        """
        for segment_id, places in maps.items():
            path = self._directory.moved_map_path(segment_id)
            if places:
                self._write(path + _ASIDE, encode_moved_map(segment_id, places))
                self._disk.rename(path + _ASIDE, path)
                self._keep(segment_id, dict(places))
                continue
            with contextlib.suppress(FileNotFoundError):
                self._disk.remove(path)
            with self._lock:
                self._kept.pop(segment_id, None)
        if any(maps.values()):
            self._disk.sync_directory(self._directory.moved)

    def _write(self, path: str, data: bytes) -> None:
        # A crash may have left one.
        with contextlib.suppress(FileNotFoundError):
            self._disk.remove(path)
        file = self._disk.create(path)
        try:
            file.write_at(0, [data])
            file.sync_data()
        finally:
            file.close()

    def _keep(self, segment_id: bytes, places: dict[int, Place]) -> None:
        with self._lock:
            self._kept[segment_id] = places
            self._kept.move_to_end(segment_id)
            if len(self._kept) > KEPT_MAPS_MAX:
                self._kept.popitem(last=False)
