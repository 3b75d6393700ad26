"""The bytes of the write-ahead log. Pure: no files, no clock.

A log is a row of segments, files of one size that are full of zeros when new. A segment is a
segment header, then frames; each begins at a multiple of `BLOCK_SIZE_BYTES`, so that writing a
frame never touches a sector that holds an acknowledged one. A frame is one batch, written by one
write and made durable by one sync; it holds one or more records. All numbers are little-endian.

    segment header   magic "RKTWALSG", format_version u16, zero u16, segment_number u32,
                     first_sequence_number u64, salt u64, previous_end u64, previous_chain u32,
                     crc u32 over all before it
    frame            magic "RKFR", payload_size u32, record_count u32, chain u32,
                     first_sequence_number u64, synced_sequence_number u64,
                     crc u32 over (salt, all of the header before it, payload), zero u32,
                     payload, zeros up to the next block
    record           size u32 (of what follows), type u8 (1: command), hlc u64, command

`chain` is the crc of the frame before (of the segment header, for the first), so that frames stand
in one order only. `previous_end` and `previous_chain` say where the segment before ended and with
which frame: what stands after that is a tail that recovery cut off. `salt` is new for each segment:
what an older file left on the same sectors is never taken for a frame.
`synced_sequence_number` is the last record known to be durable when the frame was written: the
watermark by which recovery tells a torn tail from damage (`rucket.store.wal.recovery`).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rucket.model.crc32c import crc32c
from rucket.model.errors import CorruptionError, UnknownFormatError
from rucket.ports.log import LogEntry

if TYPE_CHECKING:
    from collections.abc import Sequence

WAL_FORMAT_VERSION = 1
BLOCK_SIZE_BYTES = 4096

_SEGMENT_MAGIC = b"RKTWALSG"
_SEGMENT_HEADER = struct.Struct("<8sHHIQQQI")
_FRAME_MAGIC = b"RKFR"
_FRAME_HEADER = struct.Struct("<4sIIIQQ")
_CRC = struct.Struct("<I")
_FRAME_CHECK = struct.Struct("<II")
_SALT = struct.Struct("<Q")
_RECORD = struct.Struct("<IBQ")
_RECORD_COMMAND = 1

FRAME_HEADER_SIZE_BYTES = _FRAME_HEADER.size + _FRAME_CHECK.size
_RECORD_PREFIX_SIZE_BYTES = _RECORD.size - _CRC.size


def blocks(size_bytes: int) -> int:
    """`size_bytes`, rounded up to whole blocks."""
    return -(-size_bytes // BLOCK_SIZE_BYTES) * BLOCK_SIZE_BYTES


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """The first block of a segment."""

    segment_number: int
    first_sequence_number: int
    salt: int
    previous_end: int
    previous_chain: int

    def encode(self) -> bytes:
        """One block."""
        packed = _SEGMENT_HEADER.pack(
            _SEGMENT_MAGIC,
            WAL_FORMAT_VERSION,
            0,
            self.segment_number,
            self.first_sequence_number,
            self.salt,
            self.previous_end,
            self.previous_chain,
        )
        return (packed + _CRC.pack(crc32c(packed))).ljust(BLOCK_SIZE_BYTES, b"\0")

    @property
    def chain(self) -> int:
        """What the first frame of the segment is chained to."""
        return crc32c(self.encode()[: _SEGMENT_HEADER.size])


def decode_segment_header(block: bytes, name: str) -> SegmentHeader:
    """The header in the first block of the segment `name`.

    Raises:
        UnknownFormatError: a newer Rucket wrote it.
        CorruptionError: it isn't what was written.
    """
    if len(block) < _SEGMENT_HEADER.size + _CRC.size or not block.startswith(_SEGMENT_MAGIC):
        raise CorruptionError(name, "it doesn't begin with the header of a log segment")
    fields = _SEGMENT_HEADER.unpack_from(block)
    (crc,) = _CRC.unpack_from(block, _SEGMENT_HEADER.size)
    if crc != crc32c(block[: _SEGMENT_HEADER.size]):
        raise CorruptionError(name, "the check of its header doesn't fit")
    if fields[1] != WAL_FORMAT_VERSION:
        raise UnknownFormatError(name, fields[1], WAL_FORMAT_VERSION)
    return SegmentHeader(*fields[3:])


@dataclass(frozen=True, slots=True)
class Frame:
    """One batch of records, as it was read."""

    first_sequence_number: int
    synced_sequence_number: int
    chain: int
    crc: int
    size_bytes: int
    entries: tuple[LogEntry, ...]

    @property
    def last_sequence_number(self) -> int:
        """That of its last record."""
        return self.first_sequence_number + len(self.entries) - 1


def encode_frame(
    entries: Sequence[LogEntry], chain: int, synced_sequence_number: int, salt: int
) -> tuple[bytes, int]:
    """The bytes of a frame with `entries` (at least one, consecutive), padded to whole blocks, and
    its crc, which the next frame is chained to.
    """
    pieces = []
    for entry in entries:
        size = _RECORD_PREFIX_SIZE_BYTES + len(entry.payload)
        pieces.append(_RECORD.pack(size, _RECORD_COMMAND, entry.hlc))
        pieces.append(entry.payload)
    payload = b"".join(pieces)
    header = _FRAME_HEADER.pack(
        _FRAME_MAGIC,
        len(payload),
        len(entries),
        chain,
        entries[0].sequence_number,
        synced_sequence_number,
    )
    crc = crc32c(payload, crc32c(header, crc32c(_SALT.pack(salt))))
    frame = b"".join((header, _FRAME_CHECK.pack(crc, 0), payload))
    return frame.ljust(blocks(len(frame)), b"\0"), crc


def frame_size_bytes(payloads: Sequence[bytes]) -> int:
    """How many bytes `encode_frame` will make of these."""
    records = sum(_RECORD.size + len(payload) for payload in payloads)
    return blocks(FRAME_HEADER_SIZE_BYTES + records)


def frame_size_at(data: memoryview) -> int:
    """How many bytes the frame has that `data` begins with, padding included; 0 if none does."""
    magic, payload_size, *_ = _FRAME_HEADER.unpack_from(data)
    return blocks(FRAME_HEADER_SIZE_BYTES + payload_size) if magic == _FRAME_MAGIC else 0


def decode_frame(segment: memoryview, offset: int, salt: int) -> Frame | None:
    """The frame at byte `offset` of a segment, or None if there is no whole, undamaged one."""
    if offset + FRAME_HEADER_SIZE_BYTES > len(segment):
        return None
    header = segment[offset : offset + _FRAME_HEADER.size]
    magic, payload_size, record_count, chain, first, synced = _FRAME_HEADER.unpack(header)
    start = offset + FRAME_HEADER_SIZE_BYTES
    if magic != _FRAME_MAGIC or start + payload_size > len(segment):
        return None
    crc, reserved = _FRAME_CHECK.unpack_from(segment, offset + _FRAME_HEADER.size)
    payload = segment[start : start + payload_size]
    if reserved or crc != crc32c(payload, crc32c(header, crc32c(_SALT.pack(salt)))):
        return None
    entries = _decode_records(payload, first)
    if entries is None or len(entries) != record_count or not entries:
        return None
    size_bytes = blocks(FRAME_HEADER_SIZE_BYTES + payload_size)
    return Frame(first, synced, chain, crc, size_bytes, entries)


def _decode_records(payload: memoryview, first: int) -> tuple[LogEntry, ...] | None:
    entries: list[LogEntry] = []
    offset = 0
    while offset < len(payload):
        if offset + _RECORD.size > len(payload):
            return None
        size, kind, hlc = _RECORD.unpack_from(payload, offset)
        end = offset + _CRC.size + size
        if kind != _RECORD_COMMAND or size < _RECORD_PREFIX_SIZE_BYTES or end > len(payload):
            return None
        command = bytes(payload[offset + _RECORD.size : end])
        entries.append(LogEntry(first + len(entries), hlc, command))
        offset = end
    return tuple(entries)
