"""Frames of the log. Source: docs/on_disk_format.md, "The log"."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rucket.ports.log import LogEntry
from rucket.store.wal.frame import (
    BLOCK_SIZE_BYTES,
    SegmentHeader,
    decode_frame,
    decode_segment_header,
    encode_frame,
    frame_size_bytes,
)

_payloads = st.lists(st.binary(max_size=6000), min_size=1, max_size=20)
_u64 = st.integers(min_value=0, max_value=2**64 - 1)
_u32 = st.integers(min_value=0, max_value=2**32 - 1)


def _entries(payloads: list[bytes], first: int = 1) -> list[LogEntry]:
    return [LogEntry(first + i, 1000 + i, payload) for i, payload in enumerate(payloads)]


@given(payloads=_payloads, first=st.integers(1, 2**63), salt=_u64, chain=_u32, synced=_u64)
def test_a_frame_reads_back_as_written(
    payloads: list[bytes], first: int, salt: int, chain: int, synced: int
) -> None:
    """Whatever is in it."""
    entries = _entries(payloads, first)

    data, crc = encode_frame(entries, chain, synced, salt)
    frame = decode_frame(memoryview(data), 0, salt)

    assert frame is not None
    assert (list(frame.entries), frame.crc, frame.chain) == (entries, crc, chain)
    assert (frame.synced_sequence_number, frame.size_bytes) == (synced, len(data))


@given(payloads=_payloads)
def test_a_frame_takes_whole_blocks(payloads: list[bytes]) -> None:
    """So that the next frame is written to sectors of its own."""
    data, _ = encode_frame(_entries(payloads), 0, 0, 0)

    assert len(data) == frame_size_bytes(payloads)
    assert len(data) % BLOCK_SIZE_BYTES == 0


@given(payload=st.binary(min_size=1, max_size=300), data=st.data())
def test_a_frame_with_any_bit_flipped_is_no_frame(payload: bytes, data: st.DataObject) -> None:
    """Padding apart, nothing in a frame can change unnoticed."""
    frame, _ = encode_frame(_entries([payload]), 7, 0, 99)
    bit = data.draw(st.integers(0, 8 * (40 + 13 + len(payload)) - 1))
    damaged = bytearray(frame)
    damaged[bit // 8] ^= 1 << bit % 8

    assert decode_frame(memoryview(damaged), 0, 99) is None


def test_a_frame_of_another_segment_is_no_frame() -> None:
    """What an older file left on the same sectors has another salt."""
    frame, _ = encode_frame(_entries([b"x"]), 0, 0, salt=1)

    assert decode_frame(memoryview(frame), 0, salt=2) is None


@given(data=st.binary(max_size=200))
def test_arbitrary_bytes_are_no_frame(data: bytes) -> None:
    """And decoding them raises nothing."""
    assert decode_frame(memoryview(b"RKFR" + data), 0, 0) is None


@given(_u32, _u64, _u64, _u64, _u32)
def test_a_segment_header_reads_back_as_written(
    number: int, first: int, salt: int, previous_end: int, previous_chain: int
) -> None:
    """In its one block."""
    header = SegmentHeader(number, first, salt, previous_end, previous_chain)

    assert len(header.encode()) == BLOCK_SIZE_BYTES
    assert decode_segment_header(header.encode(), "segment") == header
