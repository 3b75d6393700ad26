"""The bytes of a checkpoint."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rucket.model.crc32c import crc32c
from rucket.model.errors import CorruptionError, UnknownFormatError
from rucket.ports.index import Table
from rucket.store.checkpoints.layout import (
    FRAME_HEADER_SIZE_BYTES,
    CheckpointHeader,
    TableRow,
    Trailer,
    decode_frame_header,
    decode_header,
    decode_rows,
    decode_trailer,
    encode_frame,
)

_u64 = st.integers(0, (1 << 64) - 1)
_bytes = st.binary(max_size=50)
_rows = st.lists(st.tuples(st.sampled_from(Table), _bytes, _bytes, _bytes), min_size=1, max_size=10)


@given(_u64, _u64)
def test_a_header_comes_back(position: int, hlc: int) -> None:
    """With both numbers."""
    header = CheckpointHeader(position, hlc)

    assert decode_header(header.encode(), "checkpoint") == header


@given(_rows, st.integers(0, (1 << 32) - 1))
def test_rows_come_back(rows: list[TableRow], chain: int) -> None:
    """In their order, chained to what was before."""
    frame, crc = encode_frame(rows, chain)

    header = decode_frame_header(frame[:FRAME_HEADER_SIZE_BYTES], "checkpoint")

    assert header is not None
    assert (header.chain, header.crc) == (chain, crc)
    assert decode_rows(header, frame[FRAME_HEADER_SIZE_BYTES:], "checkpoint") == rows


@given(_rows, st.data())
def test_a_changed_byte_of_a_frame_is_found(rows: list[TableRow], data: st.DataObject) -> None:
    """Wherever it is."""
    frame, _ = encode_frame(rows, 7)
    changed = bytearray(frame)
    changed[data.draw(st.integers(0, len(frame) - 1))] ^= data.draw(st.integers(1, 255))

    with pytest.raises(CorruptionError):
        header = decode_frame_header(bytes(changed[:FRAME_HEADER_SIZE_BYTES]), "checkpoint")
        if header is None:  # one bit makes of a frame's magic a trailer's
            decode_trailer(bytes(changed), "checkpoint")
        else:
            decode_rows(header, bytes(changed[FRAME_HEADER_SIZE_BYTES:]), "checkpoint")


@pytest.mark.parametrize(
    "encoded",
    [CheckpointHeader(5, 6).encode(), Trailer(1, 2, 3).encode()],
    ids=["header", "trailer"],
)
def test_a_changed_byte_of_an_end_is_found(encoded: bytes) -> None:
    """Every byte, every bit."""
    for offset in range(len(encoded)):
        for bit in range(8):
            changed = bytearray(encoded)
            changed[offset] ^= 1 << bit
            decode = decode_header if encoded.startswith(b"RKTCKPT") else decode_trailer
            with pytest.raises((CorruptionError, UnknownFormatError)):
                decode(bytes(changed), "checkpoint")


def test_a_newer_format_is_refused() -> None:
    """And not guessed."""
    later = bytearray(CheckpointHeader(5, 6).encode())
    later[8] = 2
    later[-4:] = crc32c(bytes(later[:-4])).to_bytes(4, "little")

    with pytest.raises(UnknownFormatError):
        decode_header(bytes(later), "checkpoint")
