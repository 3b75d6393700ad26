"""How an encrypted object says that it is, and where its bytes are: pure, and without any key.

An encrypted body is a **stream** of chunks. A chunk is `chunk_size_bytes` on disk, the last one
maybe shorter: ciphertext as long as the plaintext, then a tag. Even an empty body has one chunk, so
that nothing can be cut down to nothing unseen. The object's row has an `EncryptionRecord`; who has
the master key gets the data key out of it (`rucket.service.encryption`).
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from rucket.model.errors import CorruptionError, UnknownFormatError
from rucket.model.records import UNDECODABLE, Id, Record

ENCRYPTION_FORMAT_VERSION: Final = 1
CHUNK_SIZE_BYTES: Final = 64 * 1024
TAG_SIZE_BYTES: Final = 16
_PREFIX = bytes([ENCRYPTION_FORMAT_VERSION])

KeyId = Annotated[bytes, msgspec.Meta(min_length=8, max_length=8)]
"""Names a master key. It follows from the key, so that no two keys ever share one."""

_WrappedKey = Annotated[bytes, msgspec.Meta(min_length=60, max_length=60)]
_ChunkSize = Annotated[int, msgspec.Meta(ge=4096, le=1024 * 1024)]


class EncryptionRecord(Record, frozen=True):
    """What is needed, besides the master key, to read an object.

    Attributes:
        key_id: the master key that the data key is wrapped under.
        object_id: the object's UUID: chosen with the data key, kept by whoever shares its blobs.
        wrapped_key: nonce (12 bytes), then data key (32) and tag (16) by AES-256-GCM.
        chunk_size_bytes: of a chunk with its tag; a power of two.
    """

    key_id: KeyId
    object_id: Id
    wrapped_key: _WrappedKey
    chunk_size_bytes: _ChunkSize = CHUNK_SIZE_BYTES


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[EncryptionRecord] = msgspec.msgpack.Decoder(EncryptionRecord)


def encode_encryption_record(record: EncryptionRecord) -> bytes:
    """One byte of format_version, then the record as MessagePack."""
    return _PREFIX + _encoder.encode(record)


def decode_encryption_record(encoded: bytes) -> EncryptionRecord:
    """What `encode_encryption_record` made `encoded` of.

    Raises:
        UnknownFormatError: a newer Rucket wrote it.
        CorruptionError: it isn't what was written.
    """
    if encoded[:1] != _PREFIX:
        found = encoded[0] if encoded else 0
        raise UnknownFormatError("an encryption record", found, ENCRYPTION_FORMAT_VERSION)
    try:
        record = _decoder.decode(memoryview(encoded)[1:])
    except UNDECODABLE as error:
        raise CorruptionError("an encryption record", str(error)) from error
    if record.chunk_size_bytes & (record.chunk_size_bytes - 1):
        detail = f"{record.chunk_size_bytes} bytes are no size of a chunk"
        raise CorruptionError("an encryption record", detail)
    return record


def chunk_count(plain_size_bytes: int, chunk_size_bytes: int) -> int:
    """How many chunks a body of this size becomes; at least one."""
    return max(1, -(-plain_size_bytes // (chunk_size_bytes - TAG_SIZE_BYTES)))


def stream_size_bytes(plain_size_bytes: int, chunk_size_bytes: int) -> int:
    """How long the stream of a body of this size is."""
    return plain_size_bytes + TAG_SIZE_BYTES * chunk_count(plain_size_bytes, chunk_size_bytes)


def plain_size_bytes(stream_size: int, chunk_size_bytes: int) -> int | None:
    """How long the body of a stream of this size is; None if no stream has that size."""
    plain = stream_size - TAG_SIZE_BYTES * -(-stream_size // chunk_size_bytes)
    if plain < 0 or stream_size_bytes(plain, chunk_size_bytes) != stream_size:
        return None
    return plain
