"""Streams of chunks: any span reads as a slice, and whatever is done to the bytes is noticed."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from rucket.model.encryption import CHUNK_SIZE_BYTES, stream_size_bytes
from rucket.model.errors import CorruptionError
from rucket.service.encryption.chunks import StreamOpener, StreamSealer
from rucket.service.encryption.key_ring import DataKey
from rucket.service.reading import ByteSpan
from tests.unit.service.encryption.keys import (
    OBJECT_ID,
    PIECE,
    SMALL_CHUNK_SIZE_BYTES,
    STREAM_ID,
    data_key,
    open_all,
    open_span,
    seal,
)

_BODY = bytes(byte for number in range(3 * PIECE + 100) for byte in (number % 251,))
_sizes = st.integers(0, 4 * PIECE) | st.sampled_from(
    [near + times * PIECE for near in (-1, 0, 1) for times in (1, 2, 3)]
)


def _body(size_bytes: int) -> bytes:
    return (_BODY * 2)[:size_bytes]


def _chunks(stream: bytes) -> list[bytes]:
    return [
        stream[start : start + SMALL_CHUNK_SIZE_BYTES]
        for start in range(0, len(stream), SMALL_CHUNK_SIZE_BYTES)
    ]


@given(size=_sizes, ends=st.tuples(st.integers(0), st.integers(0)))
def test_any_span_of_a_stream_is_the_slice_of_its_body(size: int, ends: tuple[int, int]) -> None:
    """Random access: only the chunks that the span touches are given to the opener."""
    body = _body(size)
    first, end = sorted(place % (size + 1) for place in ends)

    found = open_span(data_key(), seal(data_key(), body), ByteSpan(first, end - first))

    assert found == body[first:end]


@given(size=_sizes, cuts=st.lists(st.integers(0, 4 * PIECE), max_size=6))
def test_how_a_body_comes_makes_no_difference(size: int, cuts: list[int]) -> None:
    """Pieces of any size become the same stream, as long as the layout says."""
    body = _body(size)
    places = sorted(min(cut, size) for cut in cuts)
    pieces = [body[first:end] for first, end in zip([0, *places], [*places, size], strict=True)]
    sealer = StreamSealer(data_key(), STREAM_ID)

    last = len(pieces) - 1
    stream = b"".join(
        bytes(sealer.seal(bytearray(piece), is_last=place == last))
        for place, piece in enumerate(pieces)
    )

    assert stream == seal(data_key(), body)
    assert len(stream) == stream_size_bytes(size, SMALL_CHUNK_SIZE_BYTES)


@given(size=_sizes, place=st.integers(0), bit=st.integers(0, 7))
def test_every_flipped_bit_is_detected(size: int, place: int, bit: int) -> None:
    """Of ciphertext and of tags, wherever it is."""
    stream = bytearray(seal(data_key(), _body(size)))
    stream[place % len(stream)] ^= 1 << bit

    with pytest.raises(CorruptionError):
        open_all(data_key(), bytes(stream))


_REARRANGEMENTS = {
    "swapped": [1, 0, 2, 3],
    "first dropped": [1, 2, 3],
    "middle dropped": [0, 2, 3],
    "last dropped": [0, 1, 2],
    "all but the first dropped": [0],
    "doubled": [0, 1, 1, 2, 3],
    "replaced by another": [0, 2, 2, 3],
    "last before the end": [0, 1, 3],
}


@pytest.mark.parametrize("places", _REARRANGEMENTS.values(), ids=_REARRANGEMENTS)
def test_chunks_out_of_place_are_detected(places: list[int]) -> None:
    """Each chunk knows its number and whether it is the last."""
    chunks = _chunks(seal(data_key(), _BODY))

    with pytest.raises(CorruptionError):
        open_all(data_key(), b"".join(chunks[place] for place in places))


@given(size=_sizes, left=st.integers(0))
def test_every_truncation_is_detected(size: int, left: int) -> None:
    """At any byte: no shorter stream is one, and an empty body has a tag as well."""
    stream = seal(data_key(), _body(size))

    with pytest.raises(CorruptionError):
        open_all(data_key(), stream[: left % len(stream)])


@pytest.mark.parametrize(
    ("key", "stream_id"),
    [
        (data_key(fill=8), STREAM_ID),
        (data_key(object_id=bytes(16)), STREAM_ID),
        (data_key(), OBJECT_ID),
        (data_key(), b""),
    ],
    ids=["other data key", "other object", "other part", "no part"],
)
def test_a_stream_belongs_to_its_object_and_part(key: DataKey, stream_id: bytes) -> None:
    """What is moved to another object, or to another part of it, doesn't open."""
    stream = seal(data_key(), _BODY)

    with pytest.raises(CorruptionError):
        open_all(key, stream, stream_id)


def test_a_sealer_takes_one_body_only() -> None:
    """A second one would be encrypted under the same nonces."""
    sealer = StreamSealer(data_key(), STREAM_ID)
    sealer.seal(b"first", is_last=True)

    with pytest.raises(AssertionError):
        sealer.seal(b"second", is_last=True)


def test_a_span_behind_the_body_is_refused() -> None:
    """The row says more than the stream holds."""
    with pytest.raises(CorruptionError):
        StreamOpener(data_key(), STREAM_ID, stream_size_bytes(10, 4096), ByteSpan(0, 11))


def test_a_stream_is_what_the_format_says() -> None:
    """Known answer: keys by HKDF-SHA256 as RFC 5869 writes it, one AES-256-GCM message a chunk."""
    key = DataKey(OBJECT_ID, CHUNK_SIZE_BYTES, bytes(range(32)))
    body = bytes(65_520) + b"the last chunk"
    stream_key = bytes.fromhex("b83587cc510213dd7d29e3a71e85f09f923f1eef3de44c65851d3181f34c989c")

    stream = bytes(StreamSealer(key, STREAM_ID).seal(body, is_last=True))

    cipher = AESGCM(stream_key)
    aad = OBJECT_ID + STREAM_ID
    first = cipher.decrypt(bytes(12), stream[:65_536], aad + bytes(8) + b"\0")
    last = cipher.decrypt(bytes(11) + b"\1", stream[65_536:], aad + bytes(7) + b"\1" + b"\1")
    assert (first, last) == (body[:65_520], b"the last chunk")
    assert stream[-16:].hex() == "4e90d6bee04c023acdb5b69cef1775c4"
