"""Beginning a log anew behind records that are lost, or that are in a backup."""

from __future__ import annotations

import contextlib
import posixpath
from typing import TYPE_CHECKING

from rucket.model.errors import CorruptionError, UnknownFormatError
from rucket.store.wal.frame import (
    BLOCK_SIZE_BYTES,
    SegmentHeader,
    decode_frame,
    decode_segment_header,
)
from rucket.store.wal.inspection import segment_names

if TYPE_CHECKING:
    from rucket.ports.disk import Disk
    from rucket.ports.random import Random

_SALT_SIZE_BYTES = 8


def begin_log(
    disk: Disk, directory: str, first_sequence_number: int, segment_number: int, random: Random
) -> None:
    """Makes the first segment of a log whose first record will be `first_sequence_number`. Durable
    on return. It is a header alone: the log goes on in a segment of its own making.

    Raises:
        StorageFullError, DeviceError: it can't be written.
    """
    disk.make_directory(directory)
    header = SegmentHeader(
        segment_number=segment_number,
        first_sequence_number=first_sequence_number,
        salt=int.from_bytes(random.token_bytes(_SALT_SIZE_BYTES), "little"),
        previous_end=0,
        previous_chain=0,
    )
    path = posixpath.join(directory, f"{segment_number:010}.wal")
    unfinished = path + ".new"
    with contextlib.suppress(FileNotFoundError):
        disk.remove(unfinished)
    file = disk.create(unfinished)
    try:
        file.write_at(0, [header.encode()])
        file.sync_data()
    finally:
        file.close()
    disk.rename(unfinished, path)
    disk.sync_directory(directory)


def newest_seen(disk: Disk, directory: str) -> tuple[int, int]:
    """The greatest sequence number, and the greatest stamp, of any record in the segments of a
    directory that can still be read, whatever is damaged before it; zeros where there is none.
    """
    sequence_number = hlc = 0
    for name in segment_names(disk, directory):
        file = disk.open(posixpath.join(directory, name))
        try:
            data = file.read_at(0, file.size_bytes())
        finally:
            file.close()
        try:
            header = decode_segment_header(data[:BLOCK_SIZE_BYTES], name)
        except (CorruptionError, UnknownFormatError):
            continue
        sequence_number = max(sequence_number, header.first_sequence_number - 1)
        view = memoryview(data)
        for offset in range(BLOCK_SIZE_BYTES, len(data), BLOCK_SIZE_BYTES):
            frame = decode_frame(view, offset, header.salt)
            if frame is not None:
                sequence_number = max(sequence_number, frame.last_sequence_number)
                hlc = max(hlc, frame.entries[-1].hlc)
    return sequence_number, hlc


def segment_number_of(name: str) -> int:
    """The number in the name of a segment; 0 if it has none."""
    digits = name.partition(".")[0]
    return int(digits) if digits.isdecimal() else 0
