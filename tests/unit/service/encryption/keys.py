"""Keys and data for tests of encryption."""

from __future__ import annotations

from rucket.model.encryption import plain_size_bytes
from rucket.service.encryption.chunks import StreamOpener, StreamSealer
from rucket.service.encryption.key_ring import DataKey, KeyRing, MasterKey
from rucket.service.reading import ByteSpan

SMALL_CHUNK_SIZE_BYTES = 4096
PIECE = SMALL_CHUNK_SIZE_BYTES - 16
OBJECT_ID = bytes(range(16))
STREAM_ID = bytes(range(16, 32))


def data_key(fill: int = 7, object_id: bytes = OBJECT_ID) -> DataKey:
    """A data key with small chunks."""
    return DataKey(object_id, SMALL_CHUNK_SIZE_BYTES, bytes([fill]) * 32)


def ring(fill: int = 1, *previous: int) -> KeyRing:
    """A ring of keys of one byte, repeated."""
    return KeyRing(
        MasterKey(bytes([fill]) * 32), tuple(MasterKey(bytes([key]) * 32) for key in previous)
    )


def seal(key: DataKey, plain: bytes, stream_id: bytes = STREAM_ID) -> bytes:
    """The stream of a body that comes at once."""
    return bytes(StreamSealer(key, stream_id).seal(plain, is_last=True))


def open_all(key: DataKey, stream: bytes, stream_id: bytes = STREAM_ID) -> bytes:
    """The body of a stream."""
    size_bytes = plain_size_bytes(len(stream), key.chunk_size_bytes)
    return open_span(key, stream, ByteSpan(0, size_bytes or 0), stream_id)


def open_span(key: DataKey, stream: bytes, span: ByteSpan, stream_id: bytes = STREAM_ID) -> bytes:
    """Some bytes of the body of a stream."""
    opener = StreamOpener(key, stream_id, len(stream), span)
    start, stop = opener.sealed_span
    return opener.open(start, stream[start:stop])
