r"""The bytes of a checkpoint: all rows of the index at one position of the log. Pure.

It says nothing of the engine that holds the rows, so that any can be filled from it, and two
indexes hold the same exactly if their checkpoints are the same bytes. All numbers are
little-endian.

    header    magic "RKTCKPT\0", format_version u16, zero u16, zero u32, position u64, hlc u64,
              crc u32 over all before it
    frame     magic "RKCF", payload_size u32, row_count u32, chain u32,
              crc u32 over (all of the frame's header before it, payload), payload
    row       table u8, key_size u32, value_size u32, attachment_size u32, key, value, attachment
    trailer   magic "RKCE", chain u32, frame_count u64, row_count u64, crc u32 over all before it

Rows stand in the order of (table, key). `chain` is the crc of what stands before: of the header for
the first frame. So a frame that is missing, doubled or of another checkpoint doesn't fit.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rucket.model.crc32c import crc32c
from rucket.model.errors import CorruptionError, UnknownFormatError
from rucket.ports.index import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

CHECKPOINT_FORMAT_VERSION: Final = 1

_HEADER_MAGIC: Final = b"RKTCKPT\0"
_HEADER: Final = struct.Struct("<8sHHIQQ")
_FRAME_MAGIC: Final = b"RKCF"
_FRAME: Final = struct.Struct("<4sIII")
_ROW: Final = struct.Struct("<BIII")
_TRAILER_MAGIC: Final = b"RKCE"
_TRAILER: Final = struct.Struct("<4sIQQ")
_CRC: Final = struct.Struct("<I")

HEADER_SIZE_BYTES: Final = _HEADER.size + _CRC.size
FRAME_HEADER_SIZE_BYTES: Final = _FRAME.size + _CRC.size
TRAILER_SIZE_BYTES: Final = _TRAILER.size + _CRC.size

TableRow = tuple[Table, bytes, bytes, bytes]
"""A table, and a key, value and attachment (empty if it has none) in it."""


@dataclass(frozen=True, slots=True)
class CheckpointHeader:
    """What a checkpoint shows.

    Attributes:
        position: the sequence number of the newest record of the log that the rows show.
        hlc: its stamp.
    """

    position: int
    hlc: int

    def encode(self) -> bytes:
        """The header's bytes."""
        packed = _HEADER.pack(
            _HEADER_MAGIC, CHECKPOINT_FORMAT_VERSION, 0, 0, self.position, self.hlc
        )
        return packed + _CRC.pack(crc32c(packed))


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """What stands before some rows."""

    payload_size_bytes: int
    row_count: int
    chain: int
    crc: int
    header_crc: int


@dataclass(frozen=True, slots=True)
class Trailer:
    """What stands at the end of a checkpoint that is whole."""

    chain: int
    frame_count: int
    row_count: int

    def encode(self) -> bytes:
        """The trailer's bytes."""
        packed = _TRAILER.pack(_TRAILER_MAGIC, self.chain, self.frame_count, self.row_count)
        return packed + _CRC.pack(crc32c(packed))


def decode_header(data: bytes, name: str) -> CheckpointHeader:
    """The header at the beginning of the checkpoint `name`.

    Raises:
        UnknownFormatError: a newer Rucket wrote it.
        CorruptionError: it isn't what was written.
    """
    if len(data) < HEADER_SIZE_BYTES or not data.startswith(_HEADER_MAGIC):
        raise CorruptionError(name, "it doesn't begin with the header of a checkpoint")
    _, format_version, _, _, position, hlc = _HEADER.unpack_from(data)
    if _CRC.unpack_from(data, _HEADER.size)[0] != crc32c(data[: _HEADER.size]):
        raise CorruptionError(name, "the check of its header doesn't fit")
    if format_version != CHECKPOINT_FORMAT_VERSION:
        raise UnknownFormatError(name, format_version, CHECKPOINT_FORMAT_VERSION)
    return CheckpointHeader(position, hlc)


def header_chain(header: CheckpointHeader) -> int:
    """What the first frame is chained to."""
    return crc32c(header.encode()[: _HEADER.size])


def encode_frame(rows: Sequence[TableRow], chain: int) -> tuple[bytes, int]:
    """The bytes of a frame, and its crc, which what follows is chained to."""
    pieces: list[bytes] = []
    for table, key, value, attachment in rows:
        pieces += (_ROW.pack(table, len(key), len(value), len(attachment)), key, value, attachment)
    payload = b"".join(pieces)
    header = _FRAME.pack(_FRAME_MAGIC, len(payload), len(rows), chain)
    crc = crc32c(payload, crc32c(header))
    return b"".join((header, _CRC.pack(crc), payload)), crc


def decode_frame_header(data: bytes, name: str) -> FrameHeader | None:
    """The header of a frame; None where the trailer stands instead.

    Raises:
        CorruptionError: it is neither.
    """
    if data.startswith(_TRAILER_MAGIC):
        return None
    if len(data) < FRAME_HEADER_SIZE_BYTES or not data.startswith(_FRAME_MAGIC):
        raise CorruptionError(name, "there is no frame where one has to be")
    _, size_bytes, row_count, chain = _FRAME.unpack_from(data)
    (crc,) = _CRC.unpack_from(data, _FRAME.size)
    return FrameHeader(size_bytes, row_count, chain, crc, crc32c(data[: _FRAME.size]))


def decode_rows(header: FrameHeader, payload: bytes, name: str) -> list[TableRow]:
    """The rows of a frame.

    Raises:
        CorruptionError: they aren't what was written.
    """
    if crc32c(payload, header.header_crc) != header.crc:
        raise CorruptionError(name, "the check of a frame doesn't fit")
    rows: list[TableRow] = []
    offset = 0
    try:
        while offset < len(payload):
            table, key_size, value_size, attachment_size = _ROW.unpack_from(payload, offset)
            key_start = offset + _ROW.size
            value_start = key_start + key_size
            attachment_start = value_start + value_size
            offset = attachment_start + attachment_size
            rows.append(
                (
                    Table(table),
                    payload[key_start:value_start],
                    payload[value_start:attachment_start],
                    payload[attachment_start:offset],
                )
            )
    except (struct.error, ValueError) as error:
        raise CorruptionError(name, f"a frame holds no rows: {error}") from error
    if offset != len(payload) or len(rows) != header.row_count:
        raise CorruptionError(name, "a frame doesn't hold the rows it says")
    return rows


def decode_trailer(data: bytes, name: str) -> Trailer:
    """The trailer.

    Raises:
        CorruptionError: it isn't what was written.
    """
    if len(data) != TRAILER_SIZE_BYTES or not data.startswith(_TRAILER_MAGIC):
        raise CorruptionError(name, "it doesn't end with the trailer of a checkpoint")
    _, chain, frame_count, row_count = _TRAILER.unpack_from(data)
    if _CRC.unpack_from(data, _TRAILER.size)[0] != crc32c(data[: _TRAILER.size]):
        raise CorruptionError(name, "the check of its trailer doesn't fit")
    return Trailer(chain, frame_count, row_count)
