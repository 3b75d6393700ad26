"""Taking packed blobs and their segments apart, without stopping at the first damage. Blocks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rucket.model.crc32c import crc32c
from rucket.model.errors import CorruptionError, UnknownFormatError
from rucket.store.blobs.blob_ids import RECORD_ALIGNMENT_BYTES
from rucket.store.blobs.packed.layout import decode_segment_header
from rucket.store.blobs.packed.segment_contents import SegmentContents, SegmentSurvey
from rucket.store.blobs.packed.segment_walk import read_record_header, walk_segment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rucket.model.names import BlobId
    from rucket.ports.disk import File
    from rucket.store.blobs.packed.layout import RecordHeader
    from rucket.store.blobs.packed.moved_layout import Place
    from rucket.store.blobs.packed.packed_blobs import PackedBlobs
    from rucket.store.blobs.packed.segment_walk import FoundRecord


@dataclass(slots=True)
class RecordInspection:
    """A packed blob.

    Attributes:
        offset_bytes: of its record in the segment.
        header: None if it can't be read.
        data_offset_bytes: where its data begins in the segment; 0 if that is unknown.
        damage: what is wrong besides blocks; empty if nothing is.
        damaged_blocks: numbers of the blocks whose checks don't fit.
    """

    path: str
    offset_bytes: int
    header: RecordHeader | None = None
    data_offset_bytes: int = 0
    damage: str = ""
    damaged_blocks: list[int] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether it is what was written."""
        return not self.damage and not self.damaged_blocks


def inspect_packed_blob(packed: PackedBlobs, blob_id: BlobId) -> RecordInspection:
    """Reads a packed blob to its end, deleted or not.

    Raises:
        FileNotFoundError: its segment is gone.
        CorruptionError: the map that says where it is isn't what was written.
        DeviceError: it can't be read.
    """
    place = packed.current_place(blob_id)
    path = packed.directory.segment_path(place.segment_id)
    inspection = RecordInspection(path, place.offset_bytes)
    file = packed.disk.open(path)
    try:
        found = read_record_header(file, place.segment_id, place.offset_bytes, path)
        if found is None:
            inspection.damage = "no record begins there"
        elif found.header is None:
            inspection.damage = found.damage
        elif found.header.blob_id != blob_id:
            inspection.damage = f"it is blob {found.header.blob_id.hex()}"
        else:
            inspection.header = found.header
            inspection.data_offset_bytes = place.offset_bytes + found.header.size_bytes
            inspection.damaged_blocks = damaged_blocks(file, found.header, place.offset_bytes)
    finally:
        file.close()
    return inspection


def damaged_blocks(file: File, header: RecordHeader, offset_bytes: int) -> list[int]:
    """The numbers of the blocks of a record whose checks don't fit."""
    found = []
    for number, check in enumerate(header.checks):
        start = number * header.block_size_bytes
        size_bytes = min(header.block_size_bytes, header.data_size_bytes - start)
        if crc32c(file.read_at(offset_bytes + header.size_bytes + start, size_bytes)) != check:
            found.append(number)
    return found


def segment_records(packed: PackedBlobs, segment_id: bytes) -> Iterator[FoundRecord]:
    """What begins in a segment, in order.

    Raises:
        FileNotFoundError: there is no such segment.
        DeviceError: it can't be read.
    """
    path = packed.directory.segment_path(segment_id)
    file = packed.disk.open(path)
    try:
        yield from walk_segment(file, segment_id, path)
    finally:
        file.close()


@dataclass(slots=True)
class SegmentsCheck:
    """All segments and maps of a device.

    Attributes:
        lost: ids of blobs that are there, but that no map leads to, by the segment they were born
            in.
        problems: a name and what is wrong with it.
        unreadable_count: headers of records that can't be read; a crash may have left them.
    """

    segment_count: int = 0
    live_bytes: int = 0
    dead_bytes: int = 0
    lost: dict[bytes, list[bytes]] = field(default_factory=dict)
    problems: list[tuple[str, str]] = field(default_factory=list)
    unreadable_count: int = 0


def check_all_segments(packed: PackedBlobs, progress: Callable[[int, int], None]) -> SegmentsCheck:
    """Looks at every record's header and every map; blocks of data aren't read.

    Raises:
        DeviceError: something can't be read.
    """
    check = SegmentsCheck()
    segment_ids = list(packed.directory.segment_ids())
    known = frozenset(segment_ids)
    damaged: Counter[bytes] = Counter()

    def find_map(segment_id: bytes) -> Mapping[int, Place]:
        try:
            return packed.moved.whole(segment_id)
        except (CorruptionError, UnknownFormatError) as error:
            if not damaged[segment_id]:
                check.problems.append((f"map of segment {segment_id.hex()}", str(error)))
            damaged[segment_id] += 1
            return {}

    for segment_id in packed.directory.moved_map_ids():
        find_map(segment_id)
    survey = SegmentSurvey(packed.device_number, find_map, known.__contains__)
    for done, segment_id in enumerate(segment_ids, start=1):
        _check_segment(packed, survey, segment_id, check)
        progress(done, len(segment_ids))
    return check


def _check_segment(
    packed: PackedBlobs, survey: SegmentSurvey, segment_id: bytes, check: SegmentsCheck
) -> None:
    path = packed.directory.segment_path(segment_id)
    file = packed.disk.open(path)
    try:
        contents = SegmentContents(file.size_bytes())
        for _ in survey.survey(file, segment_id, path, contents):
            pass
        check.segment_count += 1
        check.live_bytes += contents.live_size_bytes
        check.dead_bytes += contents.size_bytes - contents.live_size_bytes
        check.unreadable_count += len(contents.damages)
        for record in contents.lost:
            check.lost.setdefault(record.birth.segment_id, []).append(record.header.blob_id)
        try:
            header = decode_segment_header(file.read_at(0, RECORD_ALIGNMENT_BYTES), path)
        except (CorruptionError, UnknownFormatError) as error:
            if contents.live:  # a power cut may leave a segment without both
                check.problems.append((f"segment {segment_id.hex()}", str(error)))
        else:
            if (header.device_number, header.segment_id) != (packed.device_number, segment_id):
                check.problems.append((path, f"it is segment {header.segment_id.hex()}"))
    finally:
        file.close()
