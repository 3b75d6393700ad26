"""What is in a segment, and what of it is alive. Blocks.

::

    record          its birth place      the map of its birth segment     it is
    tombstone       -                    -                                dead
    born here       -                    has no entry                     live
    born here       -                    has an entry                     dead: a copy is alive
    born elsewhere  -                    names this place                 live
    born elsewhere  segment is there     names another place, or none     dead: a copy that a crash
                                                                          kept from being mapped
    born elsewhere  segment is gone      names another place              dead: left behind
    born elsewhere  segment is gone      has no entry                     lost: the map is, or was
                                                                          never needed any more
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rucket.store.blobs.blob_ids import PackedBirth, birth_of
from rucket.store.blobs.packed.moved_layout import Place
from rucket.store.blobs.packed.segment_walk import walk_segment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rucket.ports.disk import File
    from rucket.store.blobs.packed.layout import RecordHeader

    FindMap = Callable[[bytes], Mapping[int, Place]]


@dataclass(frozen=True, slots=True)
class KnownRecord:
    """A record whose header can be read."""

    place: Place
    birth: PackedBirth
    header: RecordHeader


@dataclass(slots=True)
class SegmentContents:
    """What a walk has seen.

    Attributes:
        live: records to be kept.
        lost: records that no map leads to, though their birth segment is gone.
        dead_arrivals: births of records that were moved here, and then deleted.
        deleted: where tombstones are.
        arrival_count: records, live or dead, that maps lead to.
        buried_count: tombstones on records whose headers can't be read.
        damages: headers that can't be read and have no tombstone.
    """

    size_bytes: int
    live: list[KnownRecord] = field(default_factory=list)
    lost: list[KnownRecord] = field(default_factory=list)
    dead_arrivals: list[PackedBirth] = field(default_factory=list)
    deleted: set[int] = field(default_factory=set)
    arrival_count: int = 0
    buried_count: int = 0
    damages: list[str] = field(default_factory=list)

    @property
    def live_size_bytes(self) -> int:
        """The room that live records take."""
        return sum(record.header.record_size_bytes for record in self.live)


@dataclass(frozen=True, slots=True)
class SegmentSurvey:
    """Judges the records of segments.

    Attributes:
        device_number: of all of them.
        find_map: the map of a segment.
        has_segment: whether a segment is there.
    """

    device_number: int
    find_map: FindMap
    has_segment: Callable[[bytes], bool]

    def survey(
        self, file: File, segment_id: bytes, path: str, contents: SegmentContents
    ) -> Iterator[None]:
        """Goes through a segment and fills `contents`; yields after each record.

        Raises:
            DeviceError: it can't be read.
        """
        own_map = self.find_map(segment_id)
        for found in walk_segment(file, segment_id, path):
            if found.is_deleted:
                contents.deleted.add(found.offset_bytes)
            if found.header is not None:
                place = Place(self.device_number, segment_id, found.offset_bytes)
                self._judge(contents, place, found.header, own_map)
            elif found.is_deleted:
                contents.buried_count += 1
            else:
                contents.damages.append(found.damage)
            yield

    def _judge(
        self,
        contents: SegmentContents,
        place: Place,
        header: RecordHeader,
        own_map: Mapping[int, Place],
    ) -> None:
        birth = birth_of(header.blob_id)
        if not isinstance(birth, PackedBirth):
            contents.damages.append(f"the record at {place.offset_bytes} has a foreign id")
            return
        record = KnownRecord(place, birth, header)
        if (birth.segment_id, birth.offset_bytes) == (place.segment_id, place.offset_bytes):
            if birth.offset_bytes not in own_map and not header.is_deleted:
                contents.live.append(record)
            return
        moved_to = self.find_map(birth.segment_id).get(birth.offset_bytes)
        if moved_to == place:
            contents.arrival_count += 1
            if header.is_deleted:
                contents.dead_arrivals.append(birth)
            else:
                contents.live.append(record)
        elif moved_to is None and not header.is_deleted and not self.has_segment(birth.segment_id):
            contents.lost.append(record)
