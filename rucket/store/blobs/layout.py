r"""The bytes of a blob file. Pure: no files.

    data             all the bytes of the blob
    checks           a CRC32C, u32, for each block of `BLOCK_SIZE_BYTES` of the data
    footer           magic "RKTBLOB\\0", format_version u16, zero u16, block_size u32,
                     data_size u64, blob id (16 bytes), crc u32 over the checks,
                     crc u32 over the footer before it

All numbers are little-endian. The checks stand behind the data, so that a blob is written in one
pass and its data begins at byte 0.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from rucket.model.crc32c import crc32c
from rucket.model.errors import CorruptionError, UnknownFormatError

BLOB_FORMAT_VERSION = 1
BLOCK_SIZE_BYTES = 128 * 1024

_MAGIC = b"RKTBLOB\0"
_FOOTER = struct.Struct("<8sHHIQ16sI")
_CRC = struct.Struct("<I")
CHECK_SIZE_BYTES = _CRC.size
FOOTER_SIZE_BYTES = _FOOTER.size + _CRC.size


@dataclass(frozen=True, slots=True)
class Footer:
    """The last bytes of a blob file."""

    block_size_bytes: int
    data_size_bytes: int
    blob_id: bytes
    checks_crc: int

    @property
    def block_count(self) -> int:
        """How many blocks the data has; the last one may be short."""
        return -(-self.data_size_bytes // self.block_size_bytes)

    @property
    def file_size_bytes(self) -> int:
        """How large the whole file is."""
        return self.data_size_bytes + self.block_count * CHECK_SIZE_BYTES + FOOTER_SIZE_BYTES


def encode_tail(blob_id: bytes, data_size_bytes: int, checks: list[int]) -> bytes:
    """Checks and footer."""
    table = struct.pack(f"<{len(checks)}I", *checks)
    footer = _FOOTER.pack(
        _MAGIC, BLOB_FORMAT_VERSION, 0, BLOCK_SIZE_BYTES, data_size_bytes, blob_id, crc32c(table)
    )
    return table + footer + _CRC.pack(crc32c(footer))


def decode_footer(data: bytes, name: str) -> Footer:
    """The footer that `data` ends with.

    Raises:
        UnknownFormatError: a newer Rucket wrote it.
        CorruptionError: it isn't what was written.
    """
    packed = data[-FOOTER_SIZE_BYTES:]
    if len(packed) < FOOTER_SIZE_BYTES or not packed.startswith(_MAGIC):
        raise CorruptionError(name, "it doesn't end with the footer of a blob")
    if _CRC.unpack_from(packed, _FOOTER.size)[0] != crc32c(packed[: _FOOTER.size]):
        raise CorruptionError(name, "the check of its footer doesn't fit")
    _, format_version, _, block_size, data_size, blob_id, checks_crc = _FOOTER.unpack_from(packed)
    if format_version != BLOB_FORMAT_VERSION:
        raise UnknownFormatError(name, format_version, BLOB_FORMAT_VERSION)
    if not block_size:
        raise CorruptionError(name, "its footer says that blocks have no bytes")
    return Footer(block_size, data_size, blob_id, checks_crc)


def decode_checks(data: bytes, footer: Footer, name: str) -> tuple[int, ...]:
    """The CRC32C of each block.

    Raises:
        CorruptionError: they aren't what was written.
    """
    if len(data) != footer.block_count * CHECK_SIZE_BYTES or crc32c(data) != footer.checks_crc:
        raise CorruptionError(name, "the check of its block checks doesn't fit")
    return struct.unpack(f"<{footer.block_count}I", data)
