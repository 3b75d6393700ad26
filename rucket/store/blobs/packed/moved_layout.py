r"""The bytes of a map of moved records. Pure: no files.

    magic "RKTMOVED", format_version u16, zero u16, the segment the records were born in (6 bytes),
    zero u16, entry count u32
    entries    place there u32, device number u8, zero u8, segment id (6 bytes), place u32:
               where the record is now; ordered by the first
    crc u32    over all before

All numbers are little-endian; a place is an offset in units of 4,096 bytes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rucket.model.crc32c import crc32c
from rucket.model.errors import CorruptionError, UnknownFormatError
from rucket.store.blobs.blob_ids import RECORD_ALIGNMENT_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

MOVED_MAP_FORMAT_VERSION: Final = 1

_MAGIC: Final = b"RKTMOVED"
_HEADER: Final = struct.Struct("<8sHH6sHI")
_ENTRY: Final = struct.Struct("<IBB6sI")
_CRC: Final = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stands."""

    device_number: int
    segment_id: bytes
    offset_bytes: int


def encode_moved_map(segment_id: bytes, places: Mapping[int, Place]) -> bytes:
    """The whole file.

    Args:
        segment_id: where the records were born.
        places: where each is now, by its offset in bytes there.
    """
    pieces = [_HEADER.pack(_MAGIC, MOVED_MAP_FORMAT_VERSION, 0, segment_id, 0, len(places))]
    pieces += [
        _ENTRY.pack(
            born_at // RECORD_ALIGNMENT_BYTES,
            place.device_number,
            0,
            place.segment_id,
            place.offset_bytes // RECORD_ALIGNMENT_BYTES,
        )
        for born_at, place in sorted(places.items())
    ]
    data = b"".join(pieces)
    return data + _CRC.pack(crc32c(data))


def decode_moved_map(data: bytes, segment_id: bytes, name: str) -> dict[int, Place]:
    """Where the records born in a segment are now, by their offset in bytes there, in order.

    Raises:
        UnknownFormatError: a newer Rucket wrote it.
        CorruptionError: it isn't what was written, or is another segment's.
    """
    if len(data) < _HEADER.size + _CRC.size or not data.startswith(_MAGIC):
        raise CorruptionError(name, "it is no map of moved blobs")
    content = memoryview(data)[: -_CRC.size]
    if _CRC.unpack_from(data, len(content))[0] != crc32c(content):
        raise CorruptionError(name, "the check of the map doesn't fit")
    _, format_version, _, born_in, _, count = _HEADER.unpack_from(data)
    if format_version != MOVED_MAP_FORMAT_VERSION:
        raise UnknownFormatError(name, format_version, MOVED_MAP_FORMAT_VERSION)
    if born_in != segment_id or len(content) != _HEADER.size + count * _ENTRY.size:
        raise CorruptionError(name, "it is another segment's map, or cut short")
    return {
        born_at * RECORD_ALIGNMENT_BYTES: Place(
            device_number, moved_to, place * RECORD_ALIGNMENT_BYTES
        )
        for born_at, device_number, _, moved_to, place in _ENTRY.iter_unpack(
            content[_HEADER.size :]
        )
    }
