"""Checkpoints as files: writing one, reading it back, knowing which there are.

A checkpoint is written aside (``*.new``), synced, renamed, and its name is synced: what has the
name of a checkpoint is whole, unless its device has damaged it since.
"""

from __future__ import annotations

import contextlib
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rucket.model.errors import CorruptionError, OperatingError, UnknownFormatError
from rucket.ports.index import Table
from rucket.state.rows import applied_position
from rucket.store.checkpoints.layout import (
    FRAME_HEADER_SIZE_BYTES,
    HEADER_SIZE_BYTES,
    TRAILER_SIZE_BYTES,
    CheckpointHeader,
    Trailer,
    decode_frame_header,
    decode_header,
    decode_rows,
    decode_trailer,
    encode_frame,
    header_chain,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rucket.ports.disk import Disk, File
    from rucket.ports.index import Snapshot
    from rucket.store.checkpoints.layout import TableRow

    Pace = Callable[[int], None]

SUFFIX: Final = ".ckpt"
UNFINISHED_SUFFIX: Final = ".new"
_FRAME_SIZE_BYTES: Final = 1024 * 1024
_ROWS_PER_SCAN: Final = 500


@dataclass(frozen=True, slots=True)
class CheckpointFile:
    """A checkpoint that has a name.

    Attributes:
        position: the newest record of the log that it shows.
        hlc: the stamp of that.
        row_count: how many rows it says it holds.
    """

    path: str
    position: int
    hlc: int
    row_count: int
    size_bytes: int


def no_pace(size_bytes: int) -> None:
    """For who need not go slowly."""


def write_checkpoint(
    disk: Disk, directory: str, snapshot: Snapshot, pace: Pace = no_pace
) -> CheckpointFile:
    """Writes what `snapshot` shows. Blocks for long; durable when it returns.

    Args:
        disk: the port.
        directory: made where it is missing.
        snapshot: is read from its first row to its last.
        pace: is told how many bytes were written since the last call; may wait, or raise to end it.

    Raises:
        CorruptionError: a row isn't what was written.
        StorageFullError, DeviceError: it can't be written. Nothing is left behind.
    """
    position, _ = applied_position(snapshot)
    disk.make_directory(directory)
    return write_dump(disk, posixpath.join(directory, f"{position:020}{SUFFIX}"), snapshot, pace)


def write_dump(disk: Disk, path: str, snapshot: Snapshot, pace: Pace = no_pace) -> CheckpointFile:
    """Writes a checkpoint as the file `path`; as `write_checkpoint`."""
    position, hlc = applied_position(snapshot)
    unfinished = path + UNFINISHED_SUFFIX
    with contextlib.suppress(FileNotFoundError):
        disk.remove(unfinished)
    file = disk.create(unfinished)
    try:
        try:
            row_count, size_bytes = _write(
                file, CheckpointHeader(position, hlc), _rows(snapshot), pace
            )
            file.sync_data()
        finally:
            file.close()
        disk.rename(unfinished, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError, OperatingError):
            disk.remove(unfinished)
        raise
    disk.sync_directory(posixpath.dirname(path))
    return CheckpointFile(path, position, hlc, row_count, size_bytes)


def _rows(snapshot: Snapshot) -> Iterator[list[TableRow]]:
    for table in Table:
        start = b""
        while found := snapshot.scan_whole(table, start, _ROWS_PER_SCAN):
            yield [(table, *row) for row in found]
            start = found[-1][0] + b"\0"


def _write(
    file: File, header: CheckpointHeader, batches: Iterator[list[TableRow]], pace: Pace
) -> tuple[int, int]:
    """How many rows and bytes."""
    file.write_at(0, [header.encode()])
    offset, chain = HEADER_SIZE_BYTES, header_chain(header)
    frame_count = row_count = 0
    for rows in _frames(batches):
        frame, chain = encode_frame(rows, chain)
        file.write_at(offset, [frame])
        offset += len(frame)
        frame_count += 1
        row_count += len(rows)
        pace(len(frame))
    file.write_at(offset, [Trailer(chain, frame_count, row_count).encode()])
    return row_count, offset + TRAILER_SIZE_BYTES


def _frames(batches: Iterator[list[TableRow]]) -> Iterator[list[TableRow]]:
    """Rows for about `_FRAME_SIZE_BYTES` at a time."""
    rows: list[TableRow] = []
    size_bytes = 0
    for batch in batches:
        for row in batch:
            rows.append(row)
            size_bytes += len(row[1]) + len(row[2]) + len(row[3])
            if size_bytes >= _FRAME_SIZE_BYTES:
                yield rows
                rows, size_bytes = [], 0
    if rows:
        yield rows


def read_checkpoint(disk: Disk, path: str, pace: Pace = no_pace) -> Iterator[list[TableRow]]:
    """All rows of a checkpoint, in order, every byte verified; what was yielded before damage is
    found is not to be used.

    Raises:
        FileNotFoundError: there is none.
        UnknownFormatError: a newer Rucket wrote it.
        CorruptionError: it isn't what was written.
    """
    file = disk.open(path)
    try:
        yield from _read(file, path, pace)
    finally:
        file.close()


def _read(file: File, path: str, pace: Pace) -> Iterator[list[TableRow]]:
    file_size_bytes = file.size_bytes()
    chain = header_chain(decode_header(file.read_at(0, HEADER_SIZE_BYTES), path))
    offset = HEADER_SIZE_BYTES
    frame_count = row_count = 0
    while True:
        header = decode_frame_header(file.read_at(offset, FRAME_HEADER_SIZE_BYTES), path)
        if header is None:
            break
        end = offset + FRAME_HEADER_SIZE_BYTES + header.payload_size_bytes
        if header.chain != chain or end > file_size_bytes:
            raise CorruptionError(path, f"the frame at byte {offset} doesn't belong there")
        payload = file.read_at(offset + FRAME_HEADER_SIZE_BYTES, header.payload_size_bytes)
        rows = decode_rows(header, payload, path)
        pace(end - offset)
        offset, chain = end, header.crc
        frame_count += 1
        row_count += len(rows)
        yield rows
    trailer = decode_trailer(file.read_at(offset, file_size_bytes - offset), path)
    if trailer != Trailer(chain, frame_count, row_count):
        raise CorruptionError(path, "its trailer is that of another checkpoint")


def verify_checkpoint(disk: Disk, path: str, pace: Pace = no_pace) -> None:
    """Reads a checkpoint to its end; raises as `read_checkpoint` does."""
    for _ in read_checkpoint(disk, path, pace):
        pass


def look_at_checkpoint(disk: Disk, path: str) -> CheckpointFile:
    """What a checkpoint says of itself, by its two ends: whether all between is whole is for
    `verify_checkpoint` to say.

    Raises:
        FileNotFoundError, UnknownFormatError, CorruptionError: as `read_checkpoint`.
    """
    file = disk.open(path)
    try:
        size_bytes = file.size_bytes()
        header = decode_header(file.read_at(0, HEADER_SIZE_BYTES), path)
        start = max(HEADER_SIZE_BYTES, size_bytes - TRAILER_SIZE_BYTES)
        trailer = decode_trailer(file.read_at(start, TRAILER_SIZE_BYTES), path)
    finally:
        file.close()
    return CheckpointFile(path, header.position, header.hlc, trailer.row_count, size_bytes)


def list_checkpoints(disk: Disk, directory: str) -> list[CheckpointFile]:
    """Those that are whole as far as their ends tell, oldest first."""
    try:
        names = disk.list_directory(directory)
    except FileNotFoundError:
        return []
    found: list[CheckpointFile] = []
    for name in names:
        if name.endswith(SUFFIX):
            with contextlib.suppress(FileNotFoundError, CorruptionError, UnknownFormatError):
                found.append(look_at_checkpoint(disk, posixpath.join(directory, name)))
    return sorted(found, key=lambda checkpoint: checkpoint.position)
