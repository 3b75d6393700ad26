"""The chunks of one stream: sealed as a body comes, opened where a span of it is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from rucket.model.encryption import (
    TAG_SIZE_BYTES,
    chunk_count,
    plain_size_bytes,
    stream_size_bytes,
)
from rucket.model.errors import CorruptionError
from rucket.service.encryption.key_ring import NONCE_SIZE_BYTES, DataKey, derive

if TYPE_CHECKING:
    from rucket.ports.disk import Buffer
    from rucket.service.reading import ByteSpan

_STREAM_KEY_INFO: Final = b"rucket stream key v1"
_INDEX_SIZE_BYTES: Final = 8
_IS_LAST: Final = (b"\0", b"\1")


class _StreamCipher:
    """Seals and opens the chunks of one stream, by index."""

    __slots__ = ("_aad", "_cipher")

    def __init__(self, data_key: DataKey, stream_id: bytes) -> None:
        self._aad = data_key.object_id + stream_id
        self._cipher = AESGCM(derive(data_key.key, _STREAM_KEY_INFO + self._aad))

    def seal_into(self, index: int, is_last: bool, plain: Buffer, chunk: memoryview) -> None:  # noqa: FBT001 - of the AAD
        nonce, aad = self._nonce_and_aad(index, is_last)
        self._cipher.encrypt_into(nonce, plain, aad, chunk)

    def open(self, index: int, is_last: bool, chunk: Buffer) -> bytes:  # noqa: FBT001 - of the AAD
        nonce, aad = self._nonce_and_aad(index, is_last)
        try:
            return self._cipher.decrypt(nonce, chunk, aad)
        except (InvalidTag, ValueError) as error:
            detail = f"chunk {index} isn't the one that was encrypted there"
            raise CorruptionError("an encrypted object", detail) from error

    def _nonce_and_aad(self, index: int, is_last: bool) -> tuple[bytes, bytes]:  # noqa: FBT001
        number = index.to_bytes(_INDEX_SIZE_BYTES, "big")
        return number.rjust(NONCE_SIZE_BYTES, b"\0"), self._aad + number + _IS_LAST[is_last]


class StreamSealer:
    """Makes a stream of a body that comes in pieces. Good for one body.

    Args:
        data_key: of the object.
        stream_id: of the part; empty for an object that is put at once. Never used before with
            this data key.
    """

    __slots__ = ("_cipher", "_index", "_is_ended", "_piece_size_bytes", "_rest")

    def __init__(self, data_key: DataKey, stream_id: bytes = b"") -> None:
        self._cipher = _StreamCipher(data_key, stream_id)
        self._piece_size_bytes = data_key.chunk_size_bytes - TAG_SIZE_BYTES
        self._index = 0
        self._rest: Buffer = b""
        self._is_ended = False

    def sealed_size_bytes(self, size_bytes: int) -> int:
        """How long the stream of a body of this size is."""
        return stream_size_bytes(size_bytes, self._piece_size_bytes + TAG_SIZE_BYTES)

    def seal(self, plain: Buffer, *, is_last: bool) -> memoryview:
        """The chunks that `plain`, after what was left over before, is enough for.

        What might be the last chunk is left over until it is known: its tag says that it is.
        """
        assert not self._is_ended, "a second body under this key would use its nonces twice"
        pieces = self._pieces(memoryview(plain), is_last=is_last)
        size_bytes = sum(map(len, pieces)) + TAG_SIZE_BYTES * len(pieces)
        sealed = memoryview(bytearray(size_bytes))
        start = 0
        for place, piece in enumerate(pieces, 1):
            end = start + len(piece) + TAG_SIZE_BYTES
            self._cipher.seal_into(
                self._index, is_last and place == len(pieces), piece, sealed[start:end]
            )
            self._index += 1
            start = end
        self._is_ended = is_last
        return sealed

    def _pieces(self, plain: memoryview, *, is_last: bool) -> list[Buffer]:
        """The plaintext of each chunk that can be sealed now."""
        size_bytes = self._piece_size_bytes
        pieces: list[Buffer] = []
        start = 0
        if len(self._rest):
            start = min(size_bytes - len(self._rest), len(plain))
            self._rest = bytes(self._rest) + plain[:start]
            if start == len(plain):
                plain, start = memoryview(self._rest), 0
            else:
                pieces.append(self._rest)
        while len(plain) - start > size_bytes:
            pieces.append(plain[start : start + size_bytes])
            start += size_bytes
        self._rest = b""
        if is_last:
            pieces.append(plain[start:])
        else:
            self._rest = bytes(plain[start:])
        return pieces


class StreamOpener:
    """Opens those chunks of a stream that a span of its body lies in.

    Args:
        data_key: of the object.
        stream_id: of the part; empty for an object that was put at once.
        stream_size_bytes: how long the stream is, and so which chunk is the last.
        wanted: the span of the body; within it.

    Raises:
        CorruptionError: no stream has that size.
    """

    __slots__ = ("_chunk_size_bytes", "_cipher", "_data_key", "_last", "_stream_id", "_wanted")

    def __init__(
        self, data_key: DataKey, stream_id: bytes, stream_size_bytes: int, wanted: ByteSpan
    ) -> None:
        size_bytes = plain_size_bytes(stream_size_bytes, data_key.chunk_size_bytes)
        if size_bytes is None or wanted.end > size_bytes:
            detail = f"{stream_size_bytes} bytes are no stream with {wanted}"
            raise CorruptionError("an encrypted object", detail)
        self._chunk_size_bytes = data_key.chunk_size_bytes
        self._data_key = data_key
        self._stream_id = stream_id
        self._last = chunk_count(size_bytes, self._chunk_size_bytes) - 1
        self._wanted = wanted
        self._cipher: _StreamCipher | None = None

    @property
    def sealed_span(self) -> tuple[int, int]:
        """Where the chunks begin and end in the stream; the end may lie behind the stream's."""
        piece_size = self._chunk_size_bytes - TAG_SIZE_BYTES
        first = self._wanted.offset // piece_size
        stop = max(first + 1, -(-self._wanted.end // piece_size))
        return first * self._chunk_size_bytes, stop * self._chunk_size_bytes

    def open(self, offset: int, sealed: Buffer) -> bytes:
        """The wanted bytes in some chunks.

        Args:
            offset: where in the stream the chunks begin.
            sealed: one or more chunks, whole.

        Raises:
            CorruptionError: one of them isn't what was encrypted in its place.
        """
        if self._cipher is None:
            self._cipher = _StreamCipher(self._data_key, self._stream_id)
        chunk_size, view = self._chunk_size_bytes, memoryview(sealed)
        first, remainder = divmod(offset, chunk_size)
        assert not remainder, "chunks begin at multiples of their size"
        plain = [
            self._cipher.open(
                first + place, first + place == self._last, view[start : start + chunk_size]
            )
            for place, start in enumerate(range(0, len(view), chunk_size))
        ]
        return self._trimmed(first * (chunk_size - TAG_SIZE_BYTES), plain)

    def _trimmed(self, offset: int, plain: list[bytes]) -> bytes:
        """What is wanted of these pieces, which begin at `offset` of the body and touch it."""
        size_bytes = sum(map(len, plain))
        before = max(0, self._wanted.offset - offset)
        after = max(0, offset + size_bytes - self._wanted.end)
        if after:
            plain[-1] = plain[-1][: len(plain[-1]) - after]
        if before:
            plain[0] = plain[0][before:]
        return plain[0] if len(plain) == 1 else b"".join(plain)
