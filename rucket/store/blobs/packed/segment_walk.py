"""Going through a segment, record by record, whatever is damaged in it. Blocks.

Every multiple of 4 KiB may begin a record. Behind a header whose check fits, the walk goes on where
its record ends; elsewhere at the next multiple, so that one damaged header hides nothing but its
own record.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rucket.model.errors import CorruptionError, UnknownFormatError
from rucket.store.blobs.blob_ids import RECORD_ALIGNMENT_BYTES
from rucket.store.blobs.packed.layout import (
    RECORD_MAGIC,
    SEGMENT_HEADER_SIZE_BYTES,
    NoRecordError,
    decode_record_header,
    has_tombstone,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rucket.ports.disk import File
    from rucket.store.blobs.packed.layout import RecordHeader

_GAP_READ_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """A place where a record begins.

    Attributes:
        header: None if it can't be read.
        damage: why; empty if it can.
        is_deleted: whether it has a tombstone, read or not.
    """

    offset_bytes: int
    header: RecordHeader | None
    damage: str = ""
    is_deleted: bool = False


def walk_segment(
    file: File, segment_id: bytes, path: str, start: int = SEGMENT_HEADER_SIZE_BYTES
) -> Iterator[FoundRecord]:
    """The records from byte `start` on, which is where one may begin.

    Raises:
        DeviceError: it can't be read.
    """
    size_bytes = file.size_bytes()
    offset = start
    while offset < size_bytes:
        found = read_record_header(file, segment_id, offset, path)
        if found is None:
            offset = _next_candidate(file, offset + RECORD_ALIGNMENT_BYTES, size_bytes)
            continue
        yield found
        if found.header is None:
            offset += RECORD_ALIGNMENT_BYTES
        else:
            offset += found.header.record_size_bytes


def read_record_header(
    file: File, segment_id: bytes, offset_bytes: int, path: str
) -> FoundRecord | None:
    """What begins there; None if it doesn't look like a record."""
    data = file.read_at(offset_bytes, RECORD_ALIGNMENT_BYTES)
    try:
        header = decode_record_header(data, segment_id, offset_bytes, f"{path}@{offset_bytes}")
    except NoRecordError:
        return None
    except (CorruptionError, UnknownFormatError) as error:
        return FoundRecord(offset_bytes, None, str(error), has_tombstone(data))
    return FoundRecord(offset_bytes, header, is_deleted=header.is_deleted)


def _next_candidate(file: File, offset: int, size_bytes: int) -> int:
    """The next place with the magic of a record, or the end."""
    while offset < size_bytes:
        data = file.read_at(offset, _GAP_READ_BYTES)
        for start in range(0, len(data), RECORD_ALIGNMENT_BYTES):
            if data.startswith(RECORD_MAGIC, start):
                return offset + start
        offset += _GAP_READ_BYTES
    return size_bytes
