"""The check that ends every value and every attachment of the index. Pure.

It covers all that damaged pages could confuse: which table a row belongs to, whether it is a value
or an attachment, and where its key ends. That of an attachment covers the check of the value it was
written with, too: so it belongs to one row as it was written once, wherever it is stored.
"""

from __future__ import annotations

import struct
from typing import Final

from rucket.model.crc32c import crc32c
from rucket.model.errors import CorruptRowError
from rucket.ports.index import Row, Table

_CRC: Final = struct.Struct("<I")
CHECK_SIZE_BYTES: Final = _CRC.size
_VALUE_SEEDS: Final = {table: crc32c(bytes([table, 0])) for table in Table}
_KEY_SIZE_BYTES_MAX: Final = 4096  # twice that of an object, each of its zeros written as two bytes

# The CRC over bytes and their own CRC is the same whatever the bytes are; with the key's length in
# it, it is one constant for each length. So one look at a whole row tells whether its check fits.
_RESIDUES: Final = [crc32c(_CRC.pack(size_bytes)) for size_bytes in range(_KEY_SIZE_BYTES_MAX)]
_ATTACHMENT_SEEDS: Final = {table: crc32c(bytes([table, 1])) for table in Table}


def value_with_check(table: Table, key: bytes, content: bytes) -> bytes:
    """What is stored for a value."""
    return content + _CRC.pack(crc32c(content, crc32c(key, _VALUE_SEEDS[table])) ^ len(key))


def attachment_with_check(table: Table, key: bytes, stored_value: bytes, content: bytes) -> bytes:
    """What is stored for the attachment of a row whose value is stored as `stored_value`."""
    seed = crc32c(key + stored_value[-_CRC.size :], _ATTACHMENT_SEEDS[table])
    return content + _CRC.pack(crc32c(content, seed) ^ len(key))


def checked_value(table: Table, key: bytes, stored: bytes) -> bytes:
    """The value that is stored at `key`. Where SQLite's own bytes are damaged, key and content may
    come as values of any type.

    Raises:
        CorruptRowError: it isn't what was written.
    """
    return _checked(table, key, b"", stored, _VALUE_SEEDS[table])


def checked_values(table: Table, rows: list[Row]) -> list[Row]:
    """As `checked_value`, for the thousand rows of a scan: what is left to do for each is in C."""
    seed = _VALUE_SEEDS[table]
    try:
        fit = [crc32c(key + stored, seed) == _RESIDUES[len(key)] for key, stored in rows]
    except (TypeError, IndexError):
        fit = [False]
    if all(fit):
        return [(key, stored[: -_CRC.size]) for key, stored in rows]
    return [(key, checked_value(table, key, stored)) for key, stored in rows]  # says which it is


def checked_attachment(table: Table, key: bytes, stored_value: bytes, stored: bytes) -> bytes:
    """The attachment of the row at `key` whose value, which fits its check, is stored as
    `stored_value`; as `checked_value`.
    """
    binding = stored_value[-_CRC.size :]
    return _checked(table, key, binding, stored, _ATTACHMENT_SEEDS[table])


def checked_attachment_by_format_2(table: Table, key: bytes, stored: bytes) -> bytes:
    """An attachment as index format 2 wrote it, whose check covers no value; as `checked_value`."""
    return _checked(table, key, b"", stored, _ATTACHMENT_SEEDS[table])


def checked_by_format_1(table: Table, key: bytes, stored: bytes) -> bytes:
    """A value or an attachment as index format 1 wrote it, whose check covers key and content
    alone; as `checked_value`.
    """
    return _checked(table, key, b"", stored, None)


def missing_attachment(table: Table, key: bytes) -> CorruptRowError:
    """The error for a row whose attachment should be stored apart, but can't be found there."""
    return _corrupt_row(table, key, "has an attachment that isn't there")


def _checked(table: Table, key: bytes, binding: bytes, stored: bytes, seed: int | None) -> bytes:
    try:
        if seed is not None and crc32c(key + binding + stored, seed) == _RESIDUES[len(key)]:
            return stored[: -_CRC.size]
    except (TypeError, IndexError):
        pass  # no bytes, or a key longer than any: looked at more closely
    try:
        content = stored[: -_CRC.size]
        check = crc32c(content, crc32c(key + binding, seed or 0))
        if seed is not None:
            check ^= len(key)
        fits = _CRC.unpack_from(stored, len(content))[0] == check
    except (TypeError, struct.error):
        raise _corrupt_row(table, key, "is no row that was written") from None
    if not fits or not isinstance(key, bytes):
        raise _corrupt_row(table, key, "has a check that doesn't fit")
    return content


def _corrupt_row(table: Table, key: object, detail: str) -> CorruptRowError:
    known = key if isinstance(key, bytes) else b""
    return CorruptRowError(table.name, known, f"the row with key {key!r} {detail}")
