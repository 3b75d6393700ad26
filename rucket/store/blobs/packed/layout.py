r"""The bytes of a segment of packed blobs. Pure: no files.

    segment header   magic "RKTSEG\0\0", format_version u16, device number u8, zero u8,
                     segment id (6 bytes), zero u16, crc u32 over the 20 bytes before;
                     zeros up to byte 4,096
    records          each at a multiple of 4,096 bytes: header, data, anything up to the next
                     multiple. What no record covers is zeros, or what an unfinished one left

    record header    magic "RKTR"
                     tombstone, 8 bytes: zeros, or "\xD7DELETED" where the blob was deleted
                     crc u32, over the segment id, the record's place (u32) and all that follows
                     format_version u16, zero u16, blob id (16 bytes), data_size u32,
                     block_size u32, written_ms u64
                     a CRC32C, u32, for each block of the data

All numbers are little-endian; a place is an offset in units of 4,096 bytes. The header's crc covers
where it stands, and the id of a segment is random: bytes of an object that look like a record can't
pass for one. The tombstone is outside the crc, so that it can be written over.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from rucket.model.crc32c import crc32c
from rucket.model.errors import CorruptionError, UnknownFormatError
from rucket.store.blobs.blob_ids import RECORD_ALIGNMENT_BYTES

SEGMENT_FORMAT_VERSION: Final = 1
RECORD_FORMAT_VERSION: Final = 1
SEGMENT_HEADER_SIZE_BYTES: Final = RECORD_ALIGNMENT_BYTES
RECORD_MAGIC: Final = b"RKTR"
TOMBSTONE_OFFSET_BYTES: Final = len(RECORD_MAGIC)
TOMBSTONE: Final = b"\xd7DELETED"

_SEGMENT_MAGIC: Final = b"RKTSEG\0\0"
_SEGMENT: Final = struct.Struct("<8sHBB6sH")
_CRC: Final = struct.Struct("<I")
_PREFIX: Final = struct.Struct("<4s8sI")
_BODY: Final = struct.Struct("<HH16sIIQ")
_SEED: Final = struct.Struct("<6sI")
_BODY_OFFSET: Final = _PREFIX.size
_CHECKS_OFFSET: Final = _BODY_OFFSET + _BODY.size
_CHECK_SIZE_BYTES: Final = 4
_NO_TOMBSTONE: Final = bytes(len(TOMBSTONE))
# A tombstone that a power cut tore begins as one and goes on with zeros.
_TOMBSTONES: Final = frozenset(
    TOMBSTONE[:size].ljust(len(TOMBSTONE), b"\0") for size in range(1, len(TOMBSTONE) + 1)
)
_BLOCKS_MAX: Final = (RECORD_ALIGNMENT_BYTES - _CHECKS_OFFSET) // _CHECK_SIZE_BYTES


class NoRecordError(CorruptionError):
    """Nothing here looks like the beginning of a record."""


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """What a segment begins with. `segment_id` has 6 bytes."""

    device_number: int
    segment_id: bytes


@dataclass(frozen=True, slots=True)
class RecordHeader:
    """What stands before the data of a record.

    Attributes:
        checks: the CRC32C of each block; the last block may be short.
        is_deleted: whether it has a tombstone.
    """

    blob_id: bytes
    data_size_bytes: int
    block_size_bytes: int
    written_ms: int
    checks: tuple[int, ...]
    is_deleted: bool = False

    @property
    def size_bytes(self) -> int:
        """Of the header itself: how far behind the record's beginning the data begins."""
        return header_size_bytes(len(self.checks))

    @property
    def record_size_bytes(self) -> int:
        """Of the whole record, padding included."""
        return record_size_bytes(self.data_size_bytes, self.block_size_bytes)


def header_size_bytes(block_count: int) -> int:
    """How much room a record's header takes."""
    return _CHECKS_OFFSET + block_count * _CHECK_SIZE_BYTES


def record_size_bytes(data_size_bytes: int, block_size_bytes: int) -> int:
    """How much room a record takes."""
    size_bytes = header_size_bytes(-(-data_size_bytes // block_size_bytes)) + data_size_bytes
    return -(-size_bytes // RECORD_ALIGNMENT_BYTES) * RECORD_ALIGNMENT_BYTES


def encode_segment_header(header: SegmentHeader) -> bytes:
    """The first bytes of a segment; zeros follow."""
    packed = _SEGMENT.pack(
        _SEGMENT_MAGIC, SEGMENT_FORMAT_VERSION, header.device_number, 0, header.segment_id, 0
    )
    return packed + _CRC.pack(crc32c(packed))


def decode_segment_header(data: bytes, name: str) -> SegmentHeader:
    """The header that `data` begins with.

    Raises:
        UnknownFormatError: a newer Rucket wrote it.
        CorruptionError: it isn't what was written.
    """
    if len(data) < _SEGMENT.size + _CRC.size or not data.startswith(_SEGMENT_MAGIC):
        raise CorruptionError(name, "it doesn't begin with the header of a segment of blobs")
    if _CRC.unpack_from(data, _SEGMENT.size)[0] != crc32c(data[: _SEGMENT.size]):
        raise CorruptionError(name, "the check of the segment's header doesn't fit")
    _, format_version, device_number, _, segment_id, _ = _SEGMENT.unpack_from(data)
    if format_version != SEGMENT_FORMAT_VERSION:
        raise UnknownFormatError(name, format_version, SEGMENT_FORMAT_VERSION)
    return SegmentHeader(device_number, segment_id)


def encode_record_header(header: RecordHeader, segment_id: bytes, offset_bytes: int) -> bytes:
    """The header of a record that stands at `offset_bytes` of a segment, without a tombstone."""
    body = _BODY.pack(
        RECORD_FORMAT_VERSION,
        0,
        header.blob_id,
        header.data_size_bytes,
        header.block_size_bytes,
        header.written_ms,
    ) + struct.pack(f"<{len(header.checks)}I", *header.checks)
    crc = crc32c(body, _seed(segment_id, offset_bytes))
    return _PREFIX.pack(RECORD_MAGIC, _NO_TOMBSTONE, crc) + body


def decode_record_header(
    data: bytes, segment_id: bytes, offset_bytes: int, name: str
) -> RecordHeader:
    """The header of the record that stands at `offset_bytes` of a segment.

    Args:
        data: the record's first `RECORD_ALIGNMENT_BYTES`, or all of it if it is shorter.
        segment_id: of the segment's name.
        offset_bytes: where `data` begins.
        name: for errors.

    Raises:
        NoRecordError: no record begins here, or its first bytes are damaged.
        UnknownFormatError: a newer Rucket wrote it.
        CorruptionError: it isn't what was written.
    """
    if len(data) < _CHECKS_OFFSET or not data.startswith(RECORD_MAGIC):
        raise NoRecordError(name, "no record begins there")
    _, tombstone, crc = _PREFIX.unpack_from(data)
    format_version, _, blob_id, data_size, block_size, written_ms = _BODY.unpack_from(
        data, _BODY_OFFSET
    )
    count = -(-data_size // block_size) if block_size else _BLOCKS_MAX + 1
    end = header_size_bytes(count)
    if count > _BLOCKS_MAX or end > len(data):
        raise CorruptionError(name, "the header of its record isn't what was written")
    if crc != crc32c(data[_BODY_OFFSET:end], _seed(segment_id, offset_bytes)):
        raise CorruptionError(name, "the check of its record's header doesn't fit")
    if format_version != RECORD_FORMAT_VERSION:
        raise UnknownFormatError(name, format_version, RECORD_FORMAT_VERSION)
    is_deleted = tombstone != _NO_TOMBSTONE
    if is_deleted and tombstone not in _TOMBSTONES:
        raise CorruptionError(name, "its tombstone is neither there nor not")
    checks = struct.unpack_from(f"<{count}I", data, _CHECKS_OFFSET)
    return RecordHeader(blob_id, data_size, block_size, written_ms, checks, is_deleted)


def has_tombstone(data: bytes) -> bool:
    """Whether `data` begins a record, however damaged, that has been deleted."""
    tombstone = data[TOMBSTONE_OFFSET_BYTES : TOMBSTONE_OFFSET_BYTES + len(TOMBSTONE)]
    return data.startswith(RECORD_MAGIC) and tombstone in _TOMBSTONES


def _seed(segment_id: bytes, offset_bytes: int) -> int:
    return crc32c(_SEED.pack(segment_id, offset_bytes // RECORD_ALIGNMENT_BYTES))
