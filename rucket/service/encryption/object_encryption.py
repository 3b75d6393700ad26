"""Encryption as requests need it: whether to encrypt, how to seal a body, how to read one."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from rucket.model.encryption import decode_encryption_record, stream_size_bytes
from rucket.model.errors import CorruptionError, EncryptionKeyError
from rucket.model.names import BlobId
from rucket.service.encryption.chunks import StreamOpener, StreamSealer
from rucket.service.reading import BlobSpan, ByteSpan

if TYPE_CHECKING:
    from rucket.model.records import Content, Extent, ObjectMetadata
    from rucket.ports.random import Random
    from rucket.service.encryption.key_ring import DataKey, KeyRing

_STREAM_ID_SIZE_BYTES: Final = 16
_DATA_KEYS_MAX: Final = 1024


class ObjectEncryption:
    """What a gateway does about encryption. One that has no keys stores what it gets.

    Args:
        ring: the master keys; None if there are none.
        is_on: whether new objects are encrypted; takes keys.
    """

    __slots__ = ("_data_keys", "_ring", "is_on")

    def __init__(self, ring: KeyRing | None = None, *, is_on: bool = False) -> None:
        assert ring is not None or not is_on, "settings say so without a key"
        self._ring = ring
        self.is_on = is_on
        self._data_keys: OrderedDict[bytes, DataKey] = OrderedDict()

    @property
    def ring(self) -> KeyRing | None:
        """The master keys."""
        return self._ring

    def switched_on(self) -> ObjectEncryption:
        """The same with the same keys, but encrypting; for a request that asks for it."""
        other = ObjectEncryption(self._ring, is_on=True)
        other._data_keys = self._data_keys
        return other

    def new_record(self, random: Random) -> bytes | None:
        """The encryption record of an object yet to be, with a data key of its own; None where
        nothing is encrypted.
        """
        if not self.is_on:
            return None
        record, data_key = self._new_record(random)
        self._remember(record, data_key)
        return record

    def new_object(self, random: Random) -> tuple[bytes, StreamSealer] | tuple[None, None]:
        """An encryption record, and the one sealer of the one body it is for; neither where nothing
        is encrypted.
        """
        if not self.is_on:
            return None, None
        record, data_key = self._new_record(random)
        return record, StreamSealer(data_key)

    def new_part(
        self, record: bytes | None, random: Random
    ) -> tuple[bytes, StreamSealer] | tuple[bytes, None]:
        """A stream id, and the one sealer of the one body it is for: a part of the object with
        this encryption record. Neither for an object without.

        Raises:
            EncryptionKeyError, CorruptionError, UnknownFormatError: as `KeyRing.unwrap`.
        """
        if record is None:
            return b"", None
        stream_id = random.token_bytes(_STREAM_ID_SIZE_BYTES)
        return stream_id, StreamSealer(self._data_key(record), stream_id)

    def under_active_key(self, record: bytes | None, random: Random) -> bytes | None:
        """A record as a new row may hold it: while a rotation goes on, rows it has seen stay seen.

        Raises:
            EncryptionKeyError, CorruptionError, UnknownFormatError: as `KeyRing.unwrap`.
        """
        if record is None:
            return None
        return self._ring_for(record).rewrap(record, random)

    def opener(self, metadata: ObjectMetadata) -> ObjectOpener | None:
        """What reads an object; None for one that isn't encrypted.

        Raises:
            EncryptionKeyError, CorruptionError, UnknownFormatError: as `KeyRing.unwrap`.
        """
        if metadata.encryption is None:
            return None
        return ObjectOpener(self._data_key(metadata.encryption), metadata)

    def _new_record(self, random: Random) -> tuple[bytes, DataKey]:
        assert self._ring is not None, "who asks for encryption without a key has been refused"
        data_key = self._ring.new_data_key(random)
        return self._ring.active.wrap(data_key, random), data_key

    def _data_key(self, record: bytes) -> DataKey:
        """The data key of a record; the last ones are remembered."""
        data_key = self._data_keys.get(record)
        if data_key is None:
            data_key = self._ring_for(record).unwrap(record)
            self._remember(record, data_key)
        return data_key

    def _remember(self, record: bytes, data_key: DataKey) -> None:
        self._data_keys[record] = data_key
        if len(self._data_keys) > _DATA_KEYS_MAX:
            self._data_keys.popitem(last=False)

    def _ring_for(self, record: bytes) -> KeyRing:
        if self._ring is None:
            raise EncryptionKeyError(decode_encryption_record(record).key_id.hex())
        return self._ring


class ObjectOpener:
    """Reads one encrypted object: the `ContentOpener` of `rucket.service.reading`."""

    __slots__ = ("_data_key", "_metadata")

    def __init__(self, data_key: DataKey, metadata: ObjectMetadata) -> None:
        self._data_key = data_key
        self._metadata = metadata

    def open_inline(self, inline: bytes, span: ByteSpan) -> bytes:
        """The bytes in `span` of a body in the row.

        Raises:
            CorruptionError: it isn't what was encrypted.
        """
        opener = StreamOpener(self._data_key, b"", len(inline), span)
        start, stop = opener.sealed_span
        return opener.open(start, inline[start:stop])

    def blob_spans(self, content: Content, span: ByteSpan) -> list[BlobSpan]:
        """The chunks in blobs that the bytes in `span` lie in; of an empty object, all there is.

        Raises:
            CorruptionError: the blobs aren't long enough, or too long, for what the row says.
        """
        spans: list[BlobSpan] = []
        start = 0
        for extent, stream_id, size_bytes in self._streams(content):
            first, end = max(span.offset, start), min(span.end, start + size_bytes)
            if first < end or not self._metadata.size_bytes:
                wanted = ByteSpan(first - start, max(0, end - first))
                spans.append(self._blob_span(extent, stream_id, wanted))
            start += size_bytes
        return spans

    def _blob_span(self, extent: Extent, stream_id: bytes, wanted: ByteSpan) -> BlobSpan:
        opener = StreamOpener(self._data_key, stream_id, extent.size_bytes, wanted)
        start, stop = opener.sealed_span
        stop = min(stop, extent.size_bytes)
        return BlobSpan(BlobId(extent.blob_id), start, stop - start, opener)

    def _streams(self, content: Content) -> list[tuple[Extent, bytes, int]]:
        """Blob, stream id and size of the plaintext of each stream: a part each, or one for all."""
        metadata = self._metadata
        if metadata.parts and metadata.parts[0].stream_id:
            streams = [(part.stream_id, part.size_bytes) for part in metadata.parts]
        else:
            streams = [(b"", metadata.size_bytes)]
        chunk_size_bytes = self._data_key.chunk_size_bytes
        expected = [stream_size_bytes(size_bytes, chunk_size_bytes) for _, size_bytes in streams]
        found = [extent.size_bytes for extent in content.extents if not extent.offset]
        if found != expected or metadata.size_bytes != sum(size for _, size in streams):
            raise CorruptionError("the extents of an object", "they aren't the streams of its row")
        return [
            (extent, stream_id, size_bytes)
            for extent, (stream_id, size_bytes) in zip(content.extents, streams, strict=True)
        ]


NO_ENCRYPTION: Final = ObjectEncryption()
