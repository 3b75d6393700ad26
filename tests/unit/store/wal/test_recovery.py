"""The decision table of recovery, case by case. Source: rucket.store.wal.recovery."""

from __future__ import annotations

import itertools

import pytest

from rucket.model.errors import CorruptionError
from rucket.ports.log import LogEntry
from rucket.store.wal.frame import BLOCK_SIZE_BYTES, SegmentHeader, encode_frame
from rucket.store.wal.recovery import check_succession, read_frames

_HEADER = SegmentHeader(1, 1, salt=5, previous_end=0, previous_chain=0)


def _segment(frame_count: int, synced_lag: int = 1) -> tuple[bytearray, list[int], list[int]]:
    """A segment of one-record frames, the offsets of the frames and their crcs. Each frame's
    watermark lies `synced_lag` records before it."""
    data = bytearray(_HEADER.encode())
    chain = _HEADER.chain
    offsets, crcs = [], []
    for number in range(1, frame_count + 1):
        entry = LogEntry(number, number, b"command %d" % number)
        frame, chain = encode_frame([entry], chain, max(0, number - synced_lag), _HEADER.salt)
        offsets.append(len(data))
        crcs.append(chain)
        data += frame
    return data + bytes(4 * BLOCK_SIZE_BYTES), offsets, crcs


def _read(data: bytes | bytearray, successor: SegmentHeader | None = None) -> list[int]:
    return [
        entry.sequence_number
        for frame, _ in read_frames("segment", bytes(data), successor)
        if frame is not None
        for entry in frame.entries
    ]


def test_a_whole_segment_is_read_to_its_end() -> None:
    """Zeros end it."""
    data, _, _ = _segment(3)

    assert _read(data) == [1, 2, 3]


@pytest.mark.parametrize("kept_bytes", [0, 1, 40, 50, 60])
def test_a_torn_last_frame_is_a_tail(kept_bytes: int) -> None:
    """It was never acknowledged, however much of it got to the disk."""
    data, offsets, _ = _segment(3)
    data[offsets[2] + kept_bytes : offsets[2] + BLOCK_SIZE_BYTES] = bytes(
        BLOCK_SIZE_BYTES - kept_bytes
    )

    assert _read(data) == [1, 2]


@pytest.mark.parametrize("damaged", [0, 1])
def test_a_damaged_frame_that_a_later_one_knew_durable_is_refused(damaged: int) -> None:
    """With one batch in flight, every frame knows all before it durable."""
    data, offsets, _ = _segment(3)
    data[offsets[damaged] + 50] ^= 1

    with pytest.raises(CorruptionError, match=f"record {damaged + 1}, at byte"):
        _read(data)


@pytest.mark.parametrize(
    ("present", "lag"),
    [
        (present, lag)
        for lag in (1, 2, 3, 4)
        for present in itertools.product([True, False], repeat=4)
    ],
)
def test_every_combination_of_lost_frames_is_tail_or_refused(
    present: tuple[bool, ...], lag: int
) -> None:
    """Exhaustively: refused exactly if a readable frame's watermark covers the first lost one."""
    data, offsets, _ = _segment(4, synced_lag=lag)
    for offset, is_present in zip(offsets, present, strict=True):
        if not is_present:
            data[offset : offset + BLOCK_SIZE_BYTES] = bytes(BLOCK_SIZE_BYTES)
    first_lost = present.index(False) + 1 if False in present else 5
    acknowledged_lost = any(
        present[number - 1] and number - lag >= first_lost for number in range(first_lost + 1, 5)
    )

    if acknowledged_lost:
        with pytest.raises(CorruptionError):
            _read(data)
    else:
        assert _read(data) == list(range(1, first_lost))


def test_a_frame_from_before_a_cut_tail_is_not_read() -> None:
    """The successor says where the segment ends; what stands behind is a tail cut off before."""
    data, offsets, crcs = _segment(3)
    successor = SegmentHeader(2, 3, 6, previous_end=offsets[2], previous_chain=crcs[1])

    assert _read(data, successor) == [1, 2]


def test_damage_before_the_end_a_successor_tells_is_refused() -> None:
    """The log went on after it, so it was acknowledged."""
    data, offsets, crcs = _segment(3)
    end = offsets[2] + BLOCK_SIZE_BYTES
    data[offsets[2] + 50] ^= 1

    with pytest.raises(CorruptionError, match="the log goes on after it"):
        _read(data, SegmentHeader(2, 4, 6, previous_end=end, previous_chain=crcs[2]))


def test_a_segment_exchanged_for_an_older_copy_is_refused() -> None:
    """The chain ends differently from what the successor has noted."""
    data, offsets, _ = _segment(3)
    end = offsets[2] + BLOCK_SIZE_BYTES

    with pytest.raises(CorruptionError, match="the next segment says"):
        _read(data, SegmentHeader(2, 4, 6, previous_end=end, previous_chain=123))


def test_a_missing_segment_is_refused() -> None:
    """Numbers have no gaps."""
    headers = [SegmentHeader(1, 1, 5, 0, 0), SegmentHeader(3, 9, 5, 0, 0)]

    with pytest.raises(CorruptionError, match="segment 2 is missing"):
        check_succession(["a", "b"], headers)


@pytest.mark.parametrize("end", range(1, 6))
@pytest.mark.parametrize("present", list(itertools.product([True, False], repeat=4)))
def test_every_combination_of_lost_frames_before_a_successor(
    present: tuple[bool, ...], end: int
) -> None:
    """Exhaustively: of a segment that has a successor, everything before the end that this tells
    has to be there, and nothing behind it counts.
    """
    data, offsets, crcs = _segment(4, synced_lag=4)
    ends = [*offsets, offsets[-1] + BLOCK_SIZE_BYTES]
    chain = crcs[end - 2] if end > 1 else _HEADER.chain
    successor = SegmentHeader(2, end, 6, previous_end=ends[end - 1], previous_chain=chain)
    for offset, is_present in zip(offsets, present, strict=True):
        if not is_present:
            data[offset : offset + BLOCK_SIZE_BYTES] = bytes(BLOCK_SIZE_BYTES)

    if all(present[: end - 1]):
        assert _read(data, successor) == list(range(1, end))
    else:
        with pytest.raises(CorruptionError, match="rucket repair log"):
            _read(data, successor)


@pytest.mark.parametrize("lag", [1, 2, 3])
def test_a_segment_tells_from_where_on_it_may_not_be_durable(lag: int) -> None:
    """Behind the watermark of its newest frame: that is what a restart writes again."""
    data, offsets, _ = _segment(4, synced_lag=lag)

    *_, (_, end) = read_frames("segment", bytes(data), None)

    assert end.unsynced_offset == offsets[4 - lag]


@pytest.mark.parametrize("damage", ["number", "chain"])
def test_a_successor_that_is_not_of_this_segment_is_refused(damage: str) -> None:
    """It was put there from elsewhere."""
    data, offsets, crcs = _segment(2)
    end = offsets[1] + BLOCK_SIZE_BYTES + (BLOCK_SIZE_BYTES if damage == "number" else 0)
    chain = crcs[1] ^ (damage == "chain")

    with pytest.raises(CorruptionError, match="rucket repair log"):
        _read(data, SegmentHeader(2, 3, 6, previous_end=end, previous_chain=chain))
