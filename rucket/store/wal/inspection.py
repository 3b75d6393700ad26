"""Reading a log without owning it: for checks of a stopped server, and looks at a running one.

Nothing is changed, and damage is told, not raised. The newest segment of a running server grows
while it is read: what doesn't fit there is read once more before it counts.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from rucket.model.errors import CorruptionError, UnknownFormatError
from rucket.state.commands import MalformedCommandError, decode_command
from rucket.store.wal.frame import BLOCK_SIZE_BYTES, decode_segment_header
from rucket.store.wal.recovery import check_succession, read_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rucket.ports.disk import Disk
    from rucket.store.wal.frame import Frame, SegmentHeader
    from rucket.store.wal.recovery import SegmentEnd

_SUFFIX: Final = ".wal"
_READS_MAX: Final = 3


@dataclass(frozen=True, slots=True)
class SegmentReading:
    """A segment, as far as it can be read.

    Attributes:
        header: None if that can't be read.
        frames: each with where it begins.
        end: behind the last one; None without a header.
        tail_size_bytes: how many bytes after that aren't zero, up to the last such one. In the
            newest segment they are a batch that a crash cut off; it was never acknowledged.
        damage: why there is no more, where there should be.
    """

    name: str
    header: SegmentHeader | None
    frames: list[tuple[int, Frame]]
    end: SegmentEnd | None
    tail_size_bytes: int
    damage: CorruptionError | UnknownFormatError | None


def segment_names(disk: Disk, directory: str) -> list[str]:
    """The names of the segments of a log, in order; none where there is no such directory."""
    try:
        return [name for name in disk.list_directory(directory) if name.endswith(_SUFFIX)]
    except FileNotFoundError:
        return []


def read_segments(disk: Disk, directory: str) -> Iterator[SegmentReading]:
    """The segments of a log, one in memory at a time."""
    names = segment_names(disk, directory)
    for position, name in enumerate(names):
        successor = names[position + 1] if position + 1 < len(names) else None
        try:
            yield read_segment(disk, directory, name, successor)
        except FileNotFoundError:
            continue  # a running server has let go of it meanwhile


def read_segment(disk: Disk, directory: str, name: str, successor: str | None) -> SegmentReading:
    """A segment; `successor` is the name of the one after it.

    Raises:
        FileNotFoundError: it isn't there.
        DeviceError: it can't be read.
    """
    path = posixpath.join(directory, name)
    following: SegmentHeader | None = None
    if successor is not None:
        try:
            block = _read(disk, posixpath.join(directory, successor), BLOCK_SIZE_BYTES)
            following = decode_segment_header(block, successor)
        except (CorruptionError, UnknownFormatError):
            following = None  # said where that one is read
    reading = _take_apart(path, name, _read(disk, path), following)
    for _ in range(_READS_MAX - 1):
        if reading.damage is None or successor is not None:
            break
        reading = _take_apart(path, name, _read(disk, path), following)
    return reading


def _read(disk: Disk, path: str, size_bytes: int | None = None) -> bytes:
    file = disk.open(path)
    try:
        return file.read_at(0, file.size_bytes() if size_bytes is None else size_bytes)
    finally:
        file.close()


def _take_apart(
    path: str, name: str, data: bytes, following: SegmentHeader | None
) -> SegmentReading:
    try:
        header = decode_segment_header(data[:BLOCK_SIZE_BYTES], path)
    except (CorruptionError, UnknownFormatError) as error:
        return SegmentReading(name, None, [], None, 0, error)
    frames: list[tuple[int, Frame]] = []
    end: SegmentEnd | None = None
    damage: CorruptionError | UnknownFormatError | None = None
    try:
        for frame, end in read_frames(path, data, following):
            if frame is not None:
                frames.append((end.offset - frame.size_bytes, frame))
    except (CorruptionError, UnknownFormatError) as error:
        damage = error
    stop = BLOCK_SIZE_BYTES if end is None else end.offset
    tail_size_bytes = max(0, len(data.rstrip(b"\0")) - stop)
    return SegmentReading(name, header, frames, end, tail_size_bytes, damage)


@dataclass(slots=True)
class LogCheck:
    """What a whole log is like.

    Attributes:
        first_sequence_number: of the oldest record it holds, or would hold next.
        last_sequence_number: of the newest one.
        last_hlc: its stamp.
        tail_size_bytes: of a batch that a crash cut off.
        problems: what is wrong, each with the segment's name.
    """

    segment_count: int = 0
    record_count: int = 0
    first_sequence_number: int = 1
    last_sequence_number: int = 0
    last_hlc: int = 0
    tail_size_bytes: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether it holds every record there ever was, so that the index can be built from it."""
        return self.first_sequence_number == 1 and not self.problems


def check_log(
    disk: Disk, directory: str, progress: Callable[[int, int], None] = lambda _done, _total: None
) -> LogCheck:
    """Reads a whole log: headers, chain, watermarks, numbers, stamps, and every command.

    Args:
        disk: the port.
        directory: of the log.
        progress: is told how many segments are done, and how many there are.
    """
    check = LogCheck()
    names = segment_names(disk, directory)
    headers: list[tuple[str, SegmentHeader]] = []
    for reading in read_segments(disk, directory):
        _check_segment(check, reading)
        if reading.header is not None:
            headers.append((reading.name, reading.header))
        check.segment_count += 1
        progress(check.segment_count, len(names))
    try:
        check_succession([name for name, _ in headers], [header for _, header in headers])
    except CorruptionError as error:
        check.problems.append((error.what, error.detail))
    return check


def _check_segment(check: LogCheck, reading: SegmentReading) -> None:
    if reading.damage is not None:
        check.problems.append((reading.name, str(reading.damage)))
    if reading.header is None:
        return
    first = reading.header.first_sequence_number
    if check.segment_count == 0:
        check.first_sequence_number = first
    elif first != check.last_sequence_number + 1:
        detail = f"it begins with record {first}, after record {check.last_sequence_number}"
        check.problems.append((reading.name, detail))
    check.last_sequence_number = first - 1
    for _, frame in reading.frames:
        for entry in frame.entries:
            if entry.hlc <= check.last_hlc:
                detail = f"the stamp of record {entry.sequence_number} isn't after that before it"
                check.problems.append((reading.name, detail))
            try:
                decode_command(entry.payload)
            except (MalformedCommandError, UnknownFormatError) as error:
                detail = f"record {entry.sequence_number} is no command: {error}"
                check.problems.append((reading.name, detail))
            check.last_hlc = entry.hlc
            check.last_sequence_number = entry.sequence_number
            check.record_count += 1
    check.tail_size_bytes = reading.tail_size_bytes
