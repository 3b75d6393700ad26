"""What a blob id says: where the blob was first written on this node. Pure: no files.

::

    byte 0          kind: 0xB1 a file of its own, 0xB2 packed in a segment
    byte 1          number of the device
    file            bytes 2..11 random
    packed          bytes 2..7 id of the segment, bytes 8..11 place of the record in it, in units
                    of 4 KiB (u32, big-endian)
    bytes 12..15    CRC32C of bytes 0..11 (big-endian)

Names stay names: what an id says is a hint, which spares the usual read a look into a map. What
was moved since is found otherwise. An id whose check doesn't fit is one of format 1: 16 random
bytes, a file on device 0. One in 2^40 of those looks like a newer one, so whoever doesn't find a
blob where its id says looks there, too.
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rucket.model.crc32c import crc32c
from rucket.model.names import ID_SIZE_BYTES, BlobId

if TYPE_CHECKING:
    from rucket.ports.random import Random

DEVICE_NUMBER_MAX: Final = 255
SEGMENT_ID_SIZE_BYTES: Final = 6
RECORD_ALIGNMENT_BYTES: Final = 4096

_CHECKED_SIZE_BYTES: Final = 12
_FILE_TOKEN_SIZE_BYTES: Final = 10
_CHECK: Final = struct.Struct(">I")
_PACKED: Final = struct.Struct(">BB6sI")


@enum.unique
class BlobKind(enum.IntEnum):
    """How a blob was first written. The numbers are on disk: never reuse one."""

    FILE = 0xB1
    PACKED = 0xB2


@dataclass(frozen=True, slots=True)
class FileBirth:
    """A blob that was first written as a file of its own."""

    device_number: int


@dataclass(frozen=True, slots=True)
class PackedBirth:
    """A blob that was first written as a record of a segment.

    Attributes:
        segment_id: 6 bytes.
        offset_bytes: of the record, a multiple of `RECORD_ALIGNMENT_BYTES`.
    """

    device_number: int
    segment_id: bytes
    offset_bytes: int


Birth = FileBirth | PackedBirth


def new_file_blob_id(device_number: int, random: Random) -> BlobId:
    """An id for a blob that becomes a file on a device."""
    return _checked(
        bytes([BlobKind.FILE, device_number]) + random.token_bytes(_FILE_TOKEN_SIZE_BYTES)
    )


def packed_blob_id(birth: PackedBirth) -> BlobId:
    """The id of the blob whose record stands there: a place is given out once."""
    assert len(birth.segment_id) == SEGMENT_ID_SIZE_BYTES
    assert birth.offset_bytes % RECORD_ALIGNMENT_BYTES == 0
    place = birth.offset_bytes // RECORD_ALIGNMENT_BYTES
    return _checked(_PACKED.pack(BlobKind.PACKED, birth.device_number, birth.segment_id, place))


def packed_id_prefix(device_number: int, segment_id: bytes) -> bytes:
    """What the ids of all blobs begin with whose records were first written in a segment."""
    return bytes([BlobKind.PACKED, device_number]) + segment_id


def birth_of(blob_id: bytes) -> Birth | None:
    """Where a blob was first written; None for an id of format 1."""
    kind = blob_id[0]
    if kind not in (BlobKind.FILE, BlobKind.PACKED) or len(blob_id) != ID_SIZE_BYTES:
        return None
    if _CHECK.unpack_from(blob_id, _CHECKED_SIZE_BYTES)[0] != crc32c(blob_id[:_CHECKED_SIZE_BYTES]):
        return None
    if kind == BlobKind.FILE:
        return FileBirth(blob_id[1])
    _, device_number, segment_id, place = _PACKED.unpack_from(blob_id)
    return PackedBirth(device_number, segment_id, place * RECORD_ALIGNMENT_BYTES)


def _checked(content: bytes) -> BlobId:
    return BlobId(content + _CHECK.pack(crc32c(content)))
