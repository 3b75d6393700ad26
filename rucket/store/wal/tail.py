"""Reading the log while another process writes it: for consumers that follow it live.

A tail reads up to the position that the index shows, and no further: what stands behind that isn't
committed. Up to there every record is in its place, so what can't be read there is damage, or has
been let go. A tail keeps its place in the log, so each record is read once.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rucket.model.errors import CorruptionError, LogPositionLostError
from rucket.store.wal.frame import (
    BLOCK_SIZE_BYTES,
    FRAME_HEADER_SIZE_BYTES,
    decode_frame,
    decode_segment_header,
    frame_size_at,
)

if TYPE_CHECKING:
    from rucket.ports.disk import Disk, File
    from rucket.ports.log import LogEntry
    from rucket.store.wal.frame import Frame, SegmentHeader

_SUFFIX: Final = ".wal"
_READ_SIZE_BYTES: Final = 64 * 1024


@dataclass(slots=True)
class _Place:
    """Where the next frame is.

    Attributes:
        chain: what it is chained to.
        last_sequence_number: of the record before it.
        following: the header of the next segment, once there is one.
    """

    file: File
    name: str
    header: SegmentHeader
    offset: int
    chain: int
    last_sequence_number: int
    following: SegmentHeader | None = None


class LogTail:
    """The records of the log in `directory`. All calls block.

    Use one for one consumer; `close` it in the end.
    """

    def __init__(self, disk: Disk, directory: str) -> None:
        self._disk = disk
        self._directory = directory
        self._place: _Place | None = None

    def read(self, after: int, last: int, size_bytes_max: int) -> list[LogEntry]:
        """The records behind `after`, up to `last`, which the index shows: at least one, and more
        while they come to less than `size_bytes_max`.

        Raises:
            LogPositionLostError: the log doesn't reach back that far.
            CorruptionError: one of them can't be read.
            UnknownFormatError: a newer Rucket wrote the log.
            DeviceError: the device refuses to read.
        """
        assert after < last, "there is nothing to read"
        place = self._place
        if place is None or place.last_sequence_number != after:
            self.close()
            place = self._place = self._seek(after)
        found: list[LogEntry] = []
        size_bytes = 0
        while place.last_sequence_number < last and size_bytes < size_bytes_max:
            try:
                frame = self._next_frame(place)
                if frame is None:
                    place = self._place = self._enter_next(place)
                    continue
            except LogPositionLostError:
                if not found:
                    raise
                break  # it is said when there is nothing else to be told
            wanted = [each for each in frame.entries if after < each.sequence_number <= last]
            found += wanted
            size_bytes += sum(len(each.payload) for each in wanted)
        if found and found[-1].sequence_number < place.last_sequence_number:
            self.close()  # the rest of the frame is still to be read
        return found

    def close(self) -> None:
        """Gives the file back, and the place."""
        if self._place is not None:
            self._place.file.close()
            self._place = None

    def _seek(self, after: int) -> _Place:
        """The beginning of the segment that holds the record behind `after`."""
        names = [
            name for name in self._disk.list_directory(self._directory) if name.endswith(_SUFFIX)
        ]
        if not names:
            raise CorruptionError(self._directory, "there is no log")
        first = 0
        for name in reversed(names):
            try:
                place = self._open(name)
            except FileNotFoundError:
                break  # let go this moment, and all before it
            if place.header.first_sequence_number <= after + 1:
                return place
            place.file.close()
            first = place.header.first_sequence_number
        raise LogPositionLostError(after, first)

    def _open(self, name: str) -> _Place:
        path = posixpath.join(self._directory, name)
        file = self._disk.open(path)
        try:
            header = decode_segment_header(file.read_at(0, BLOCK_SIZE_BYTES), path)
        except BaseException:
            file.close()
            raise
        before = header.first_sequence_number - 1
        return _Place(file, name, header, BLOCK_SIZE_BYTES, header.chain, before)

    def _following(self, place: _Place) -> SegmentHeader | None:
        """The header of the segment after the one of `place`, if there is one."""
        if place.following is None:
            name = f"{place.header.segment_number + 1:010}{_SUFFIX}"
            try:
                following = self._open(name)
            except FileNotFoundError:
                return None
            following.file.close()
            place.following = following.header
        return place.following

    def _next_frame(self, place: _Place) -> Frame | None:
        """The frame at `place`, which moves behind it; None at the end of its segment."""
        following = self._following(place)
        if following is not None and place.offset >= following.previous_end:
            return None
        data = memoryview(place.file.read_at(place.offset, _READ_SIZE_BYTES))
        size_bytes = frame_size_at(data) if len(data) >= FRAME_HEADER_SIZE_BYTES else 0
        if size_bytes > len(data):
            data = memoryview(place.file.read_at(place.offset, size_bytes))
        frame = decode_frame(data, 0, place.header.salt)
        if (
            frame is None
            or frame.chain != place.chain
            or frame.first_sequence_number != place.last_sequence_number + 1
        ):
            if following is None and self._has_moved(place):
                return self._next_frame(place)  # the segment came to its end meanwhile
            raise CorruptionError(
                place.name,
                f"record {place.last_sequence_number + 1}, at byte {place.offset}, can't be read, "
                "but it was committed",
            )
        place.offset += frame.size_bytes
        place.chain = frame.crc
        place.last_sequence_number = frame.last_sequence_number
        return frame

    def _has_moved(self, place: _Place) -> bool:
        """Whether the record after `place` is in another segment by now.

        Raises:
            LogPositionLostError: it is in none: the segment was let go, and maybe those after it.
        """
        now = self._seek(place.last_sequence_number)
        now.file.close()
        return now.name != place.name

    def _enter_next(self, place: _Place) -> _Place:
        """The beginning of the next segment, if it goes on where this one ends."""
        assert place.following is not None
        ends = place.following.previous_end, place.following.previous_chain
        if ends != (place.offset, place.chain):
            raise CorruptionError(
                place.name, f"the next segment says that it ends at byte {ends[0]}"
            )
        try:
            successor = self._open(f"{place.following.segment_number:010}{_SUFFIX}")
        except FileNotFoundError:
            successor = self._seek(place.last_sequence_number)  # says what is left
        place.file.close()
        return successor
