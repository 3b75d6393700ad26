"""What is kept of a damaged log. Source: the table in rucket.store.wal.salvage."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from rucket.disk.os_disk import OsDisk
from rucket.ports.log import LogEntry
from rucket.runtime.system import SystemClock, SystemRandom
from rucket.store.wal.frame import BLOCK_SIZE_BYTES, SegmentHeader, encode_frame
from rucket.store.wal.inspection import read_segments
from rucket.store.wal.salvage import (
    FoundFrame,
    Salvage,
    find_frames,
    first_header,
    number_of_segment,
    plan_salvage,
    records_of,
    write_log,
)
from rucket.store.wal.wal import Wal

if TYPE_CHECKING:
    from pathlib import Path

_COUNT = 5


def _entry(number: int) -> LogEntry:
    return LogEntry(number, 1000 + number, b"command %d" % number)


def _frame(number: int) -> FoundFrame:
    return FoundFrame("segment", 0, number, number)


def _numbers(frames: tuple[FoundFrame, ...]) -> list[int]:
    return [frame.first_sequence_number for frame in frames]


@pytest.mark.parametrize("applied", [None, *range(_COUNT + 2)])
@pytest.mark.parametrize("readable", list(itertools.product([True, False], repeat=_COUNT)))
def test_every_combination_of_lost_records_and_index(
    readable: tuple[bool, ...], applied: int | None
) -> None:
    """Exhaustively: the log goes on right behind the index, without a gap, and every record that
    neither has is named.
    """
    there = {number for number, is_there in enumerate(readable, start=1) if is_there}

    salvage = plan_salvage([_frame(number) for number in sorted(there)], applied)

    kept, given_up = _numbers(salvage.kept), _numbers(salvage.given_up)
    lost = {number for first, last in salvage.lost for number in range(first, last + 1)}
    shown = applied if applied is not None else salvage.first_sequence_number - 1
    assert kept == list(range(salvage.first_sequence_number, salvage.last_sequence_number + 1))
    assert salvage.first_sequence_number <= shown + 1 <= salvage.last_sequence_number + 1
    assert set(kept) <= there
    assert salvage.last_sequence_number + 1 not in there
    assert set(given_up) == {number for number in there if number > salvage.last_sequence_number}
    newest = max(there, default=0)
    behind = set(range(salvage.last_sequence_number + 1, newest + 1))
    assert lost | set(given_up) == behind
    assert not lost & there


def _write_segments(directory: Path, sizes: tuple[int, ...]) -> list[list[int]]:
    """A log of one-record frames, `sizes` of them in each segment; the offsets of its frames."""
    offsets: list[list[int]] = []
    number, previous_end, previous_chain = 1, 0, 0
    for position, count in enumerate(sizes, start=1):
        header = SegmentHeader(position, number, 7 * position, previous_end, previous_chain)
        data, chain = bytearray(header.encode()), header.chain
        offsets.append([])
        for _ in range(count):
            offsets[-1].append(len(data))
            frame, chain = encode_frame([_entry(number)], chain, number - 1, header.salt)
            data += frame
            number += 1
        previous_end, previous_chain = len(data), chain
        (directory / f"{position:010}.wal").write_bytes(data + bytes(2 * BLOCK_SIZE_BYTES))
    return offsets


def _damage(directory: Path, segment: int, offset: int) -> None:
    path = directory / f"{segment:010}.wal"
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def _found(directory: Path) -> list[int]:
    return [frame.first_sequence_number for frame in find_frames(OsDisk(), str(directory))]


@pytest.mark.parametrize("damaged", range(1, 7))
def test_frames_behind_a_damaged_one_are_found(tmp_path: Path, damaged: int) -> None:
    """In the same segment, and in those after it."""
    offsets = _write_segments(tmp_path, (3, 3))
    segment, place = divmod(damaged - 1, 3)

    _damage(tmp_path, segment + 1, offsets[segment][place] + 50)

    assert _found(tmp_path) == [number for number in range(1, 7) if number != damaged]


def test_nothing_is_found_in_a_segment_without_its_header(tmp_path: Path) -> None:
    """Its salt is gone; the others are found. The one before is read as far as its frames are
    chained: behind that may be a tail that was cut off.
    """
    offsets = _write_segments(tmp_path, (3, 2, 2))
    _damage(tmp_path, 2, 20)
    assert _found(tmp_path) == [1, 2, 3, 6, 7]

    _damage(tmp_path, 1, offsets[0][1] + 50)

    assert _found(tmp_path) == [1, 6, 7]


def test_a_tail_that_was_cut_off_is_not_found(tmp_path: Path) -> None:
    """The next segment says where the log went on; the same numbers came again."""
    _write_segments(tmp_path, (3, 2))
    first = tmp_path / "0000000001.wal"
    data = bytearray(first.read_bytes())
    tail, _ = encode_frame([LogEntry(4, 1, b"never acknowledged")], 99, 3, 7)
    data[4 * BLOCK_SIZE_BYTES : 5 * BLOCK_SIZE_BYTES] = tail
    first.write_bytes(data)

    frames = find_frames(OsDisk(), str(tmp_path))

    assert [frame.segment for frame in frames if frame.first_sequence_number == 4] == [
        "0000000002.wal"
    ]


@pytest.mark.parametrize("segment_size_bytes", [3 * BLOCK_SIZE_BYTES, 1 << 20])
def test_a_log_that_was_made_anew_reads_as_the_old_one(
    tmp_path: Path, segment_size_bytes: int
) -> None:
    """Numbers, stamps and commands, in one segment or many; and it can be gone on with."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    offsets = _write_segments(old, (3, 4))
    _damage(old, 1, offsets[0][1] + 50)
    salvage = plan_salvage(find_frames(OsDisk(), str(old)), applied=4)

    write_log(
        OsDisk(),
        str(new),
        (frame.entries for frame in records_of(OsDisk(), str(old), salvage.kept)),
        first_header(salvage, 3, SystemRandom()),
        SystemRandom(),
        segment_size_bytes,
    )

    assert min(path.name for path in new.iterdir()) == "0000000003.wal"
    assert [reading.damage for reading in read_segments(OsDisk(), str(new)) if reading.damage] == []
    wal = Wal(OsDisk(), str(new), None, SystemClock(), SystemRandom(), 1 << 20)  # type: ignore[arg-type]
    wal.open()
    assert [e for entries in wal.replay(4) for e in entries] == [_entry(5), _entry(6), _entry(7)]
    assert wal.first_sequence_number() == 3
    wal.close()


def test_an_empty_log_begins_behind_the_index(tmp_path: Path) -> None:
    """So that the next record follows on what the index shows."""
    salvage = plan_salvage([], applied=41)
    header = first_header(salvage, 1, SystemRandom())
    write_log(OsDisk(), str(tmp_path), [], header, SystemRandom(), 1 << 20)

    wal = Wal(OsDisk(), str(tmp_path), None, SystemClock(), SystemRandom(), 1 << 20)  # type: ignore[arg-type]
    wal.open()

    assert salvage == Salvage((), 42, (), ())
    assert (wal.first_sequence_number(), wal.last_sequence_number()) == (42, 41)
    wal.close()


@pytest.mark.parametrize(
    ("name", "number"),
    [("0000000012.wal", 12), ("12.wal", 0), ("spare-1.new", 0), ("0000000012.new", 0)],
)
def test_only_names_of_segments_have_numbers(name: str, number: int) -> None:
    """Others aren't ours."""
    assert number_of_segment(name) == number
