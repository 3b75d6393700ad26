"""The files of the log: their names, and how one comes to be. What stands in them is `frame`'s."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rucket.model.errors import OperatingError
from rucket.store.wal.frame import BLOCK_SIZE_BYTES, SegmentHeader, blocks, decode_segment_header

if TYPE_CHECKING:
    from rucket.ports.disk import Disk, File
    from rucket.store.wal.recovery import SegmentEnd

SUFFIX = ".wal"
_UNFINISHED_SUFFIX = ".new"
_ZEROS = bytes(1024 * 1024)


@dataclass(frozen=True, slots=True)
class Spare:
    """A file full of durable zeros that will be the next segment."""

    file: File
    path: str
    size_bytes: int


def segment_name(segment_number: int) -> str:
    """The name of a segment; names are ordered as numbers are."""
    return f"{segment_number:010}{SUFFIX}"


class SegmentFiles:
    """The segments in `directory`. All calls block.

    Args:
        segment_size_bytes: the size of new segments; larger batches get larger ones.
    """

    def __init__(self, disk: Disk, directory: str, segment_size_bytes: int) -> None:
        self._disk = disk
        self._directory = directory
        self._segment_size_bytes = blocks(segment_size_bytes)
        self._spare_count = 0

    def prepare(self) -> list[str]:
        """Makes the directory where it is missing, removes what a crash left of a segment that was
        being made, and says which segments there are, in order.
        """
        self._disk.make_directory(self._directory)
        names = self._disk.list_directory(self._directory)
        for name in names:
            if name.endswith(_UNFINISHED_SUFFIX):
                self._disk.remove(self.path(name))
        return [name for name in names if name.endswith(SUFFIX)]

    def path(self, name: str) -> str:
        """Where a file is."""
        return posixpath.join(self._directory, name)

    def read_header(self, name: str) -> SegmentHeader:
        """The header of a segment.

        Raises:
            CorruptionError, UnknownFormatError: see `decode_segment_header`.
        """
        return decode_segment_header(self.read(name, BLOCK_SIZE_BYTES), self.path(name))

    def read(self, name: str, size_bytes: int | None = None) -> bytes:
        """The beginning of a segment; all of it where no size is given."""
        file = self._disk.open(self.path(name))
        try:
            return file.read_at(0, file.size_bytes() if size_bytes is None else size_bytes)
        finally:
            file.close()

    def make_durable(self, name: str, end: SegmentEnd) -> None:
        """Writes once more, and syncs, the frames that no later frame knows durable.

        After a crash of the process they may be in the page cache only, and after a failed sync the
        kernel takes them for clean though they never reached the device. They are about to be read,
        so they have to be durable.
        """
        if end.unsynced_offset is None:
            return
        file = self._disk.open(self.path(name), writable=True)
        try:
            offset = end.unsynced_offset
            file.write_at(offset, [file.read_at(offset, end.offset - offset)])
            file.sync_data()
        finally:
            file.close()

    def resume(self, name: str) -> tuple[File, int] | None:
        """A segment that nothing was written to, and its size; None if something was.

        Going on in it keeps a node that starts again and again from filling the disk.
        """
        data = self.read(name)
        if any(data[BLOCK_SIZE_BYTES:]):
            return None
        # Killed before it had synced it, the node that made the segment left a name that only the
        # page cache knows. Frames are about to be acknowledged under it.
        self._disk.sync_directory(self._directory)
        return self._disk.open(self.path(name), writable=True), len(data)

    def make_spare(self, room_bytes: int = 0) -> Spare:
        """A file for a segment with room for a frame of `room_bytes`, full of zeros that are really
        written: a sync of blocks that are only reserved has to write the file system's metadata
        too, and takes several times as long.
        """
        size_bytes = max(self._segment_size_bytes, BLOCK_SIZE_BYTES + room_bytes)
        self._spare_count += 1
        path = self.path(f"spare-{self._spare_count}{_UNFINISHED_SUFFIX}")
        file = self._disk.create(path)
        try:
            for offset in range(0, size_bytes, len(_ZEROS)):
                file.write_at(offset, [_ZEROS[: size_bytes - offset]])
            file.sync_data()
        except OperatingError:
            file.close()
            self._disk.remove(path)
            raise
        return Spare(file, path, size_bytes)

    def make_segment(self, spare: Spare, header: SegmentHeader) -> None:
        """Makes a spare a segment. Its name appears when all of it is durable, so a segment that
        can be seen is whole; on return the name is durable as well.
        """
        spare.file.write_at(0, [header.encode()])
        spare.file.sync_data()
        self._disk.rename(spare.path, self.path(segment_name(header.segment_number)))
        self._disk.sync_directory(self._directory)

    def remove(self, header: SegmentHeader) -> None:
        """Removes a segment, durably, so that those of a log always follow on one another."""
        self._disk.remove(self.path(segment_name(header.segment_number)))
        self._disk.sync_directory(self._directory)
