"""What can still be read of a damaged log, and a log made of that. Nothing is changed where it is.

A start reads frames from the front, and refuses a log in which an acknowledged one is damaged. Here
every frame is looked for, behind the damage too: each has a crc of its own, and a salt that no
payload knows. What makes a log again is a run of records without a gap:

| a run of readable records         | then                                                         |
|-----------------------------------|--------------------------------------------------------------|
| holds the newest the index shows, | it is the log; what the index lacks is replayed from it      |
| or begins right behind that       |                                                              |
| there is none like that           | the log is empty, and begins behind the index                |
| the index can't be read           | the first run is the log; the index is built again           |

Records behind that run are given up, though some may be readable: what they say depends on those
that are missing.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rucket.model.errors import CorruptionError, UnknownFormatError
from rucket.store.wal.frame import (
    BLOCK_SIZE_BYTES,
    SegmentHeader,
    decode_frame,
    decode_segment_header,
    encode_frame,
    frame_size_bytes,
)
from rucket.store.wal.inspection import segment_names
from rucket.store.wal.segment_files import SegmentFiles, segment_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rucket.ports.disk import Disk
    from rucket.ports.log import LogEntry
    from rucket.ports.random import Random
    from rucket.store.wal.frame import Frame


@dataclass(frozen=True, slots=True)
class FoundFrame:
    """A readable frame, where it is and which records it holds."""

    segment: str
    offset: int
    first_sequence_number: int
    last_sequence_number: int


@dataclass(frozen=True, slots=True)
class Salvage:
    """What becomes of the records of a log.

    Attributes:
        kept: the frames that make the new log; without a gap.
        first_sequence_number: of the first record of the new log.
        given_up: readable frames behind a gap, whose records the index doesn't show.
        lost: ranges of records, ends included, that the index doesn't show and nobody can read.
    """

    kept: tuple[FoundFrame, ...]
    first_sequence_number: int
    given_up: tuple[FoundFrame, ...]
    lost: tuple[tuple[int, int], ...]

    @property
    def last_sequence_number(self) -> int:
        """Of the last record that is kept; one before the first, if there is none."""
        return self.kept[-1].last_sequence_number if self.kept else self.first_sequence_number - 1


def find_frames(disk: Disk, directory: str) -> list[FoundFrame]:
    """Every readable frame of a log, by sequence number."""
    names = segment_names(disk, directory)
    found: dict[int, FoundFrame] = {}
    for position, name in enumerate(names):
        data = _read(disk, posixpath.join(directory, name))
        successor = None
        if position + 1 < len(names):
            path = posixpath.join(directory, names[position + 1])
            successor = _header(_read(disk, path, BLOCK_SIZE_BYTES))
        is_newest = position + 1 == len(names)
        for offset, frame in _frames(data, successor, is_newest=is_newest):
            # A batch that was cut off has the numbers of a later one, in a later segment.
            found[frame.first_sequence_number] = FoundFrame(
                name, offset, frame.first_sequence_number, frame.last_sequence_number
            )
    return [found[number] for number in sorted(found)]


def _read(disk: Disk, path: str, size_bytes: int | None = None) -> bytes:
    file = disk.open(path)
    try:
        return file.read_at(0, file.size_bytes() if size_bytes is None else size_bytes)
    finally:
        file.close()


def _header(block: bytes) -> SegmentHeader | None:
    try:
        return decode_segment_header(block[:BLOCK_SIZE_BYTES], "")
    except (CorruptionError, UnknownFormatError):
        return None


def _frames(
    data: bytes, successor: SegmentHeader | None, *, is_newest: bool
) -> Iterator[tuple[int, Frame]]:
    header = _header(data)
    if header is None:
        return  # without its salt, nothing in it can be told from anything
    view = memoryview(data)
    stop = len(data) if successor is None else successor.previous_end
    offset, chain = BLOCK_SIZE_BYTES, header.chain
    while offset < stop:
        frame = decode_frame(view, offset, header.salt)
        if frame is None or frame.chain != chain:
            if successor is None and not is_newest:
                return  # nobody says where it ends: what follows may be a tail that was cut off
            if frame is None:
                offset += BLOCK_SIZE_BYTES
                continue
        yield offset, frame
        offset, chain = offset + frame.size_bytes, frame.crc


def plan_salvage(frames: Sequence[FoundFrame], applied: int | None) -> Salvage:
    """What becomes of records.

    Args:
        frames: see `find_frames`.
        applied: up to which record the index shows them; None where it can't be read.
    """
    runs = _runs(frames)
    if applied is None:
        chosen = runs[0] if runs else []
        applied = chosen[0].first_sequence_number - 1 if chosen else 0
    else:
        chosen = next((run for run in runs if _touches(run, applied)), [])
    first = chosen[0].first_sequence_number if chosen else applied + 1
    kept_last = chosen[-1].last_sequence_number if chosen else applied
    given_up = tuple(frame for frame in frames if frame.first_sequence_number > kept_last)
    lost: list[tuple[int, int]] = []
    expected = kept_last + 1
    for frame in given_up:
        if frame.first_sequence_number > expected:
            lost.append((expected, frame.first_sequence_number - 1))
        expected = frame.last_sequence_number + 1
    return Salvage(tuple(chosen), first, given_up, tuple(lost))


def _runs(frames: Sequence[FoundFrame]) -> list[list[FoundFrame]]:
    runs: list[list[FoundFrame]] = []
    for frame in frames:
        if runs and runs[-1][-1].last_sequence_number + 1 == frame.first_sequence_number:
            runs[-1].append(frame)
        else:
            runs.append([frame])
    return runs


def _touches(run: list[FoundFrame], applied: int) -> bool:
    return run[0].first_sequence_number <= applied + 1 <= run[-1].last_sequence_number + 1


def records_of(disk: Disk, directory: str, frames: Iterable[FoundFrame]) -> Iterator[Frame]:
    """The frames that were found, read again; one segment in memory at a time.

    Raises:
        CorruptionError: one isn't readable any more.
    """
    name, view, salt = "", memoryview(b""), 0
    for found in frames:
        if found.segment != name:
            name = found.segment
            data = _read(disk, posixpath.join(directory, name))
            view, salt = memoryview(data), decode_segment_header(data[:BLOCK_SIZE_BYTES], name).salt
        frame = decode_frame(view, found.offset, salt)
        if frame is None or frame.first_sequence_number != found.first_sequence_number:
            raise CorruptionError(name, f"the frame at byte {found.offset} has just been readable")
        yield frame


def write_log(
    disk: Disk,
    directory: str,
    batches: Iterable[Sequence[LogEntry]],
    first: SegmentHeader,
    random: Random,
    segment_size_bytes: int,
) -> None:
    """Makes a log of records, with their numbers and stamps. Durable on return, but for the name of
    `directory` itself.

    Args:
        disk: the port.
        directory: empty, or a log that was begun here and not finished.
        batches: consecutive records, a frame each.
        first: the header of the first segment.
        random: for the salts of the others.
        segment_size_bytes: how large they are; larger batches get larger ones.
    """
    files = SegmentFiles(disk, directory, segment_size_bytes)
    for name in files.prepare():
        disk.remove(files.path(name))
    header, frames, size_bytes, chain = first, list[bytes](), BLOCK_SIZE_BYTES, first.chain
    synced = last = first.first_sequence_number - 1
    for entries in batches:
        room_bytes = frame_size_bytes([entry.payload for entry in entries])
        if frames and size_bytes + room_bytes > segment_size_bytes:
            _write_segment(files, header, frames, size_bytes)
            header = SegmentHeader(
                header.segment_number + 1, last + 1, _salt(random), size_bytes, chain
            )
            frames, size_bytes, chain, synced = [], BLOCK_SIZE_BYTES, header.chain, last
        frame, chain = encode_frame(entries, chain, synced, header.salt)
        frames.append(frame)
        size_bytes += len(frame)
        last = entries[-1].sequence_number
    _write_segment(files, header, frames, size_bytes)


def first_header(salvage: Salvage, segment_number: int, random: Random) -> SegmentHeader:
    """The header of the first segment of a log that follows on nothing."""
    return SegmentHeader(segment_number, salvage.first_sequence_number, _salt(random), 0, 0)


def number_of_segment(name: str) -> int:
    """The number in the name of a segment; 0 for another name."""
    stem = name.partition(".")[0]
    return int(stem) if stem.isdigit() and segment_name(int(stem)) == name else 0


def _salt(random: Random) -> int:
    return int.from_bytes(random.token_bytes(8), "little")


def _write_segment(
    files: SegmentFiles, header: SegmentHeader, frames: list[bytes], size_bytes: int
) -> None:
    spare = files.make_spare(size_bytes - BLOCK_SIZE_BYTES)
    try:
        if frames:
            spare.file.write_at(BLOCK_SIZE_BYTES, frames)
        files.make_segment(spare, header)
    finally:
        spare.file.close()
