"""Reading the log back, and telling a torn tail from damage.

A power cut may leave any of the sectors of an unsynced frame unwritten, in any order, so the end of
a log may look like anything. But a frame carries the watermark: the last sequence number that was
durable when it was written. Where the frame at some place can't be read:

| in the newest segment | a later frame is readable, and its    | then                         |
|                       | watermark covers the unreadable place |                              |
|-----------------------|---------------------------------------|------------------------------|
| yes                   | no (or there is no later frame)       | tail: the log ends before it |
| yes                   | yes                                   | damage: refuse               |
| no, and the next segment says that this one ends there                        | its end      |
| no, and the next segment says that this one ends later                        | damage: refuse |

| a segment's number is missing between two others, or its header isn't readable | damage: refuse |
| it begins otherwise than where the one before ended (number, chain)            | damage: refuse |

Under `always`, the tail is never acknowledged: one batch is in flight at a time, and its answer
waits for its sync. Under other strategies the watermark lags behind, and the tail is what the
strategy may lose. What is refused is acknowledged data that was durable and that the device has
lost; dropping it silently would break the promise the log exists for (`salvage` says what can be
kept of it).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rucket.model.errors import CorruptionError
from rucket.store.wal.frame import (
    BLOCK_SIZE_BYTES,
    Frame,
    SegmentHeader,
    decode_frame,
    decode_segment_header,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_ADVICE = "rucket repair log says what can be kept"


@dataclass(frozen=True, slots=True)
class SegmentEnd:
    """Where a segment ends.

    Attributes:
        offset: of the byte after the last frame.
        chain: what a frame written there would be chained to.
        last_sequence_number: that of the last record up to here.
        unsynced_offset: where the first frame begins that no later one knows durable; None where
            there is no frame.
    """

    offset: int
    chain: int
    last_sequence_number: int
    unsynced_offset: int | None = None


def read_frames(
    name: str, data: bytes, successor: SegmentHeader | None
) -> Iterator[tuple[Frame | None, SegmentEnd]]:
    """The frames of a segment, each with the end after it; at last (None, the segment's end).

    Args:
        name: for reports.
        data: the whole file.
        successor: the header of the next segment; None for the newest one.

    Raises:
        CorruptionError: an acknowledged frame isn't there any more.
        UnknownFormatError: a newer Rucket wrote the segment.
    """
    header = decode_segment_header(data[:BLOCK_SIZE_BYTES], name)
    view = memoryview(data)
    end = SegmentEnd(BLOCK_SIZE_BYTES, header.chain, header.first_sequence_number - 1)
    unsynced: deque[tuple[int, int]] = deque()
    while successor is None or end.offset < successor.previous_end:
        frame = decode_frame(view, end.offset, header.salt)
        if (
            frame is None
            or frame.chain != end.chain
            or frame.first_sequence_number != end.last_sequence_number + 1
        ):
            _refuse_damage(name, view, end, header.salt, successor)
            break
        unsynced.append((frame.last_sequence_number, end.offset))
        while unsynced[0][0] <= frame.synced_sequence_number and len(unsynced) > 1:
            unsynced.popleft()
        end = SegmentEnd(
            end.offset + frame.size_bytes, frame.crc, frame.last_sequence_number, unsynced[0][1]
        )
        yield frame, end
    if successor is not None and (successor.previous_end, successor.previous_chain) != (
        end.offset,
        end.chain,
    ):
        raise CorruptionError(
            name,
            f"the next segment says that it ends at byte {successor.previous_end}; {_ADVICE}",
        )
    yield None, end


def _refuse_damage(
    name: str, data: memoryview, end: SegmentEnd, salt: int, successor: SegmentHeader | None
) -> None:
    missing = end.last_sequence_number + 1
    where = f"record {missing}, at byte {end.offset}, can't be read"
    if successor is not None:
        raise CorruptionError(
            name,
            f"{where}, but the log goes on after it: it was acknowledged and is lost; {_ADVICE}",
        )
    for offset in range(end.offset, len(data), BLOCK_SIZE_BYTES):
        later = decode_frame(data, offset, salt)
        if later is not None and later.synced_sequence_number >= missing:
            raise CorruptionError(
                name,
                f"{where}, but the frame at byte {offset} says that records up to "
                f"{later.synced_sequence_number} were durable: it was acknowledged and is lost; "
                f"{_ADVICE}",
            )


def check_succession(names: Sequence[str], headers: Sequence[SegmentHeader]) -> None:
    """Checks that segments follow on one another without a gap.

    Raises:
        CorruptionError: one is missing.
    """
    for name, header, successor in zip(names, headers, headers[1:], strict=False):
        if successor.segment_number != header.segment_number + 1:
            raise CorruptionError(
                name, f"segment {header.segment_number + 1} is missing after it; {_ADVICE}"
            )
