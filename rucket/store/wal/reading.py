"""Reading the records of a log that nobody writes to, without changing anything of it.

Unlike `rucket.store.wal.inspection`, which tells of damage, this refuses it: who builds an index
from records needs all of them.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from rucket.model.errors import CorruptionError
from rucket.store.wal.frame import BLOCK_SIZE_BYTES, SegmentHeader, decode_segment_header
from rucket.store.wal.inspection import segment_names
from rucket.store.wal.recovery import check_succession, read_frames

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rucket.ports.disk import Disk
    from rucket.ports.log import LogEntry


@dataclass(frozen=True, slots=True)
class LogExtent:
    """Which records a log holds.

    Attributes:
        first_sequence_number: of the oldest, or of the one that will be.
        last_sequence_number: of the newest that can be read; one less than the first if there is
            none.
    """

    first_sequence_number: int
    last_sequence_number: int


def log_extent(disk: Disk, directory: str) -> LogExtent | None:
    """Which records there are; None where there is no segment.

    Raises:
        CorruptionError: acknowledged records of the newest segment, or a segment, are lost.
        UnknownFormatError: a newer Rucket wrote it.
    """
    headers = _headers(disk, directory)
    if not headers:
        return None
    name, newest = headers[-1]
    last = newest.first_sequence_number - 1
    for _, end in read_frames(name, _read(disk, name), None):
        last = end.last_sequence_number
    return LogExtent(headers[0][1].first_sequence_number, last)


def read_entries(disk: Disk, directory: str, after: int) -> Iterator[Sequence[LogEntry]]:
    """The records with a sequence number greater than `after`, a frame at a time, with one segment
    in memory.

    Raises:
        CorruptionError: they aren't all there.
        UnknownFormatError: a newer Rucket wrote them.
    """
    headers = _headers(disk, directory)
    first = 0
    for position, (_, header) in enumerate(headers):
        if header.first_sequence_number <= after + 1:
            first = position
    if headers and headers[first][1].first_sequence_number > after + 1:
        begin = headers[first][1].first_sequence_number
        raise CorruptionError(directory, f"it begins with record {begin}, not with {after + 1}")
    for position in range(first, len(headers)):
        name, _ = headers[position]
        successor = headers[position + 1][1] if position + 1 < len(headers) else None
        for frame, _ in read_frames(name, _read(disk, name), successor):
            entries = frame.entries if frame is not None else ()
            wanted = [entry for entry in entries if entry.sequence_number > after]
            if wanted:
                yield wanted


def log_bytes_after(disk: Disk, directory: str, sequence_number: int) -> int:
    """How large the segments are, but for the newest, that hold records after this one; for a log
    that is being written, too.
    """
    headers: list[tuple[str, SegmentHeader]] = []
    for name in segment_names(disk, directory):
        try:
            headers.append(_header(disk, posixpath.join(directory, name)))
        except FileNotFoundError:
            continue  # the node has let go of it meanwhile
    size_bytes = 0
    for (path, _), (_, successor) in pairwise(headers):
        if successor.first_sequence_number > sequence_number + 1:
            size_bytes += _size_bytes(disk, path)
    return size_bytes


def _size_bytes(disk: Disk, path: str) -> int:
    try:
        file = disk.open(path)
    except FileNotFoundError:
        return 0
    try:
        return file.size_bytes()
    finally:
        file.close()


def _headers(disk: Disk, directory: str) -> list[tuple[str, SegmentHeader]]:
    names = segment_names(disk, directory)
    headers = [_header(disk, posixpath.join(directory, name)) for name in names]
    check_succession(names, [header for _, header in headers])
    return headers


def _header(disk: Disk, path: str) -> tuple[str, SegmentHeader]:
    return path, decode_segment_header(_read(disk, path, BLOCK_SIZE_BYTES), path)


def _read(disk: Disk, path: str, size_bytes: int | None = None) -> bytes:
    file = disk.open(path)
    try:
        return file.read_at(0, file.size_bytes() if size_bytes is None else size_bytes)
    finally:
        file.close()
