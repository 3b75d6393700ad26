"""Giving back the room of deleted blobs: what is alive in a segment moves, then the segment goes.

::

    look at some maps ── survey all segments ── build lost maps again
    for each with enough dead bytes:
        lock ── judge each record ── is one missing? leave it
        copy what is alive, each block verified ── is one damaged? leave it
        sync the copies ── sync the maps that lead to them ── bury what was deleted meanwhile
        remove the segment

Killed anywhere, it has lost nothing: before the maps, the copies are dead room of a segment that
nobody writes any more; after them, the old segment's records are. Readers find a record where it
was born, or by its map, and who has it open reads on. A segment is nobody's when it isn't locked:
its writer gave it up, or died.

A segment is left as it is when a record that rows name, or a map leads to, isn't found in it, and
when one doesn't verify: the scrubber has to look at that first.
"""

from __future__ import annotations

import contextlib
import logging
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from rucket.model.errors import CorruptionError
from rucket.model.names import BlobId
from rucket.store.blobs.blob_ids import PackedBirth, birth_of
from rucket.store.blobs.packed.layout import decode_segment_header, encode_record_header
from rucket.store.blobs.packed.moved_layout import Place
from rucket.store.blobs.packed.segment_contents import SegmentContents, SegmentSurvey
from rucket.store.blobs.packed.segment_walk import read_record_header
from rucket.store.blobs.verified_blocks import VerifiedBlocks

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from rucket.ports.clock import Clock
    from rucket.ports.disk import File
    from rucket.store.blobs.packed.packed_blobs import PackedBlobs
    from rucket.store.blobs.packed.segment_contents import KnownRecord
    from rucket.store.blobs.packed.segment_writer import Reservation

    NamedBlobs = Callable[[bytes], Iterator[bytes]]
    """The ids that rows name among those that were born in a segment of this device."""

BYTES_PER_STEP: Final = 1024 * 1024

_OPEN_COST_BYTES: Final = 64 * 1024
_HEADER_COST_BYTES: Final = 4096
_MAP_COST_BYTES: Final = 64 * 1024
_MAPS_PER_PASS: Final = 64
_SETTLED_AFTER_MS: Final = 2000
"""A segment that was written so long before it was surveyed shows any later write by its time."""

_logger = logging.getLogger(__name__)


class CompactionObserver(Protocol):
    """Is told how the segments of a device do."""

    def surveyed(self, segment_count: int, live_bytes: int, dead_bytes: int) -> None:
        """What a pass has seen; segments that are being written aren't counted."""
        ...

    def compacted(self, copied_bytes: int, freed_bytes: int) -> None:
        """A segment was removed; so much of it had been alive."""
        ...


@dataclass(slots=True)
class _Known:
    """A segment as it was surveyed."""

    modified_ms: int
    surveyed_ms: int
    size_bytes: int
    live_bytes: int
    is_left_alone: bool = False

    @property
    def dead_bytes(self) -> int:
        return self.size_bytes - self.live_bytes


class Compactor:
    """Compacts the segments of one device, in steps. Blocks; one thread at a time.

    Args:
        blobs: the device's; copies are written through it. No other process compacts them.
        clock: for telling new from old.
        named_blobs: what rows name, from the index.
        dead_ratio_min: segments are compacted when so much of them is dead, 0 to 1.
        observer: is told.
    """

    def __init__(
        self,
        blobs: PackedBlobs,
        clock: Clock,
        named_blobs: NamedBlobs,
        dead_ratio_min: float,
        observer: CompactionObserver,
    ) -> None:
        self._blobs = blobs
        self._disk = blobs.disk
        self._directory = blobs.directory
        self._clock = clock
        self._named_blobs = named_blobs
        self._dead_ratio_min = dead_ratio_min
        self._observer = observer
        self._survey = SegmentSurvey(blobs.device_number, self._find_map, self._has_segment)
        self._known: dict[bytes, _Known] = {}
        self._arrival_counts: Counter[bytes] | None = None
        self._damaged_maps: set[bytes] = set()
        self._map_ids: set[bytes] = set()
        self._last_checked_map = b""
        self._running: Iterator[int] | None = None

    def step(self) -> int:
        """Does a bounded piece of work.

        Returns:
            How many bytes it has read and written; 0 when a pass over all segments is complete.

        Raises:
            CorruptionError, DeviceError, StorageFullError: this pass can't go on.
        """
        if self._running is None:
            self._running = self._pass()
        cost_bytes = 0
        try:
            for cost in self._running:
                cost_bytes += cost
                if cost_bytes >= BYTES_PER_STEP:
                    return cost_bytes
        except BaseException:
            self._running = None
            raise
        self._running = None
        return 0

    def _pass(self) -> Iterator[int]:
        lost: dict[bytes, dict[int, Place]] = {}
        yield from self._check_maps()
        known = {} if self._damaged_maps else self._known
        self._known = {}
        if self._arrival_counts is None:
            self._arrival_counts = yield from self._count_arrivals()
        for segment_id in self._directory.segment_ids():
            yield from self._look(segment_id, known.get(segment_id), lost)
        yield from self._rebuild(lost)
        self._tell()
        for segment_id in self._candidates():
            yield from self._compact(segment_id)
        self._tell()

    def _check_maps(self) -> Iterator[int]:
        """Reads some maps again, those that come after the last ones: readers of other processes
        fail on a damaged one, and this process knows most of them by heart.
        """
        there = set(self._directory.moved_map_ids())
        missing = self._map_ids - there
        self._map_ids |= there
        after = sorted(there)[bisect_right(sorted(there), self._last_checked_map) :]
        self._last_checked_map = after[_MAPS_PER_PASS - 1] if len(after) > _MAPS_PER_PASS else b""
        for segment_id in [*sorted(missing), *after[:_MAPS_PER_PASS]]:
            yield _MAP_COST_BYTES
            try:
                if self._blobs.moved.load(segment_id):
                    continue
                path = self._directory.moved_map_path(segment_id)
                _logger.error("the map %s of moved blobs is missing, or empty", path)
            except CorruptionError as error:
                _logger.error("%s", error)  # noqa: TRY400 - the message says it all
            self._damaged_maps.add(segment_id)
            # What is known by heart is whole: it is on the device again at once.
            with contextlib.suppress(CorruptionError):
                places = self._blobs.moved.whole(segment_id)
                if places:
                    self._save({segment_id: places})
                    self._damaged_maps.discard(segment_id)

    def _tell(self) -> None:
        known = self._known.values()
        live_bytes = sum(segment.live_bytes for segment in known)
        self._observer.surveyed(
            len(known), live_bytes, sum(segment.size_bytes for segment in known) - live_bytes
        )

    def _candidates(self) -> list[bytes]:
        """The segments worth compacting, the emptiest first."""
        found = [
            (segment.live_bytes / max(1, segment.size_bytes), segment_id)
            for segment_id, segment in self._known.items()
            if not segment.is_left_alone
            and segment.dead_bytes >= self._dead_ratio_min * segment.size_bytes
        ]
        return [segment_id for _, segment_id in sorted(found)]

    def _look(
        self, segment_id: bytes, known: _Known | None, lost: dict[bytes, dict[int, Place]]
    ) -> Iterator[int]:
        """Surveys a segment, unless it is being written, or is as it was the last time."""
        path = self._directory.segment_path(segment_id)
        try:
            modified_ms = self._disk.modified_ms(path)
            is_settled = known and known.surveyed_ms - known.modified_ms > _SETTLED_AFTER_MS
            if known and is_settled and known.modified_ms == modified_ms:
                self._known[segment_id] = known
                return
            file = self._disk.open(path)
        except FileNotFoundError:
            return
        try:
            if not file.try_lock():
                return
            surveyed_ms = self._clock.wall_ms()
            contents = yield from self._contents(file, segment_id, path)
            if contents.live:  # a power cut may leave a segment without header and records
                self._check_header(file, segment_id, path)
            for record in contents.lost:
                lost.setdefault(record.birth.segment_id, {})[record.birth.offset_bytes] = (
                    record.place
                )
            self._known[segment_id] = _Known(
                modified_ms, surveyed_ms, contents.size_bytes, contents.live_size_bytes
            )
        finally:
            file.close()

    def _check_header(self, file: File, segment_id: bytes, path: str) -> None:
        """Says so if it isn't what was written; records stand for themselves."""
        try:
            header = decode_segment_header(file.read_at(0, _HEADER_COST_BYTES), path)
        except CorruptionError as error:
            _logger.warning("%s", error)
        else:
            if header.segment_id != segment_id:
                _logger.warning("%s: it is segment %s by its header", path, header.segment_id.hex())

    def _contents(
        self, file: File, segment_id: bytes, path: str
    ) -> Generator[int, None, SegmentContents]:
        yield _OPEN_COST_BYTES
        contents = SegmentContents(file.size_bytes())
        for _ in self._survey.survey(file, segment_id, path, contents):
            yield _HEADER_COST_BYTES
        return contents

    def _rebuild(self, lost: dict[bytes, dict[int, Place]]) -> Iterator[int]:
        """Writes the maps again that are missing or damaged."""
        if self._damaged_maps:
            # Of the segments that are being written, this process's own may hold moved records.
            for segment_id in self._directory.segment_ids():
                if segment_id not in self._known:
                    yield from self._look_for_lost(segment_id, lost)
        for segment_id in sorted({*lost, *self._damaged_maps}):
            found = lost.get(segment_id, {})
            births = (birth_of(blob_id) for blob_id in self._named_blobs(segment_id))
            named = {birth.offset_bytes for birth in births if isinstance(birth, PackedBirth)}
            # What nobody names is a copy that a crash kept from being mapped before it was deleted,
            # or a blob whose command is on its way: it is mapped as well, and may be an orphan.
            _logger.log(
                logging.WARNING if named & found.keys() else logging.DEBUG,
                "the map of segment %s was lost or damaged: built again with %d blobs",
                segment_id.hex(),
                len(found),
            )
            self._save({segment_id: {**self._find_map(segment_id), **found}})
            yield _MAP_COST_BYTES
            for place in found.values():
                self._known.pop(place.segment_id, None)
        self._damaged_maps.clear()

    def _look_for_lost(
        self, segment_id: bytes, lost: dict[bytes, dict[int, Place]]
    ) -> Iterator[int]:
        path = self._directory.segment_path(segment_id)
        try:
            file = self._disk.open(path)
        except FileNotFoundError:
            return
        try:
            contents = yield from self._contents(file, segment_id, path)
        finally:
            file.close()
        for record in contents.lost:
            lost.setdefault(record.birth.segment_id, {})[record.birth.offset_bytes] = record.place

    def _compact(self, segment_id: bytes) -> Iterator[int]:
        path = self._directory.segment_path(segment_id)
        try:
            file = self._disk.open(path, writable=True)
        except FileNotFoundError:
            return
        try:
            if not file.try_lock():
                return
            contents = yield from self._contents(file, segment_id, path)
            missing = yield from self._missing(segment_id, contents)
            if contents.lost:
                del self._known[segment_id]  # the next pass looks at it, and maps them
                return
            if missing:
                self._leave_alone(segment_id, missing)
                return
            copies = _Copies(self._blobs, file, path)
            try:
                for record in contents.live:
                    yield copies.copy(record)
                self._make_durable(copies)
            except CorruptionError as error:
                self._leave_alone(segment_id, str(error))
                return
            finally:
                copies.release()
            if self._damaged_maps:
                return  # what else it said is looked for first
            yield from self._map(segment_id, contents, copies)
            copies.bury_late()
            self._remove(segment_id)
            self._observer.compacted(
                contents.live_size_bytes, contents.size_bytes - contents.live_size_bytes
            )
        finally:
            file.close()

    def _make_durable(self, copies: _Copies) -> None:
        copies.sync()

    def _remove(self, segment_id: bytes) -> None:
        self._disk.remove(self._directory.segment_path(segment_id))
        self._known.pop(segment_id, None)

    def _leave_alone(self, segment_id: bytes, why: str) -> None:
        _logger.error("segment %s of packed blobs is left as it is: %s", segment_id.hex(), why)
        self._known[segment_id].is_left_alone = True

    def _missing(self, segment_id: bytes, contents: SegmentContents) -> Generator[int, None, str]:
        """Says which records should be there and aren't; empty if none."""
        there = {
            record.birth.offset_bytes
            for record in contents.live
            if record.birth.segment_id == segment_id
        }
        moved = self._find_map(segment_id)
        for blob_id in self._named_blobs(segment_id):
            birth = birth_of(blob_id)
            if not isinstance(birth, PackedBirth):
                continue  # it only looks like one of these
            at = birth.offset_bytes
            if at not in there and at not in contents.deleted and at not in moved:
                return f"the record of blob {blob_id.hex()}, which is named, can't be read"
        if self._arrival_counts is None:
            self._arrival_counts = yield from self._count_arrivals()
        missing = self._arrival_counts[segment_id] - contents.arrival_count
        if missing > contents.buried_count:
            return f"{missing} records that were moved into it can't be read"
        return ""

    def _count_arrivals(self) -> Generator[int, None, Counter[bytes]]:
        counts: Counter[bytes] = Counter()
        for segment_id in self._directory.moved_map_ids():
            counts.update(place.segment_id for place in self._find_map(segment_id).values())
            yield _MAP_COST_BYTES
        return counts

    def _map(self, segment_id: bytes, contents: SegmentContents, copies: _Copies) -> Iterator[int]:
        """Has the maps lead to the copies, durably, and nowhere else into the segment."""
        changed: dict[bytes, dict[int, Place]] = {}
        for record, place in copies.made:
            changed.setdefault(record.birth.segment_id, {})[record.birth.offset_bytes] = place
        for birth in contents.dead_arrivals:
            changed.setdefault(birth.segment_id, {})
        maps: dict[bytes, dict[int, Place]] = {}
        for born_in, moved in changed.items():
            whole = {**self._find_map(born_in), **moved}
            maps[born_in] = {
                at: place for at, place in whole.items() if place.segment_id != segment_id
            }
        self._save(maps)
        yield _MAP_COST_BYTES * len(maps)

    def _save(self, maps: dict[bytes, dict[int, Place]]) -> None:
        counts = self._arrival_counts
        self._arrival_counts = None
        self._map_ids.difference_update(maps)
        if counts is not None:
            for born_in, places in maps.items():
                counts.subtract(place.segment_id for place in self._find_map(born_in).values())
                counts.update(place.segment_id for place in places.values())
        self._blobs.moved.save(maps)
        self._map_ids.update(segment_id for segment_id, places in maps.items() if places)
        self._arrival_counts = counts

    def _find_map(self, segment_id: bytes) -> Mapping[int, Place]:
        """The map of a segment; one that is damaged counts as lost."""
        try:
            return self._blobs.moved.whole(segment_id)
        except CorruptionError as error:
            if segment_id not in self._damaged_maps:
                _logger.error("%s", error)  # noqa: TRY400 - the message says it all
            self._damaged_maps.add(segment_id)
            return {}

    def _has_segment(self, segment_id: bytes) -> bool:
        try:
            self._disk.modified_ms(self._directory.segment_path(segment_id))
        except FileNotFoundError:
            return False
        return True


class _Copies:
    """Copies of records of one segment, in segments that this process writes."""

    def __init__(self, blobs: PackedBlobs, file: File, path: str) -> None:
        self._blobs = blobs
        self._file = file
        self._path = path
        self._reservations: list[Reservation] = []
        self.made: list[tuple[KnownRecord, Place]] = []

    def copy(self, record: KnownRecord) -> int:
        """Copies one, each block verified; says how many bytes that took.

        Raises:
            CorruptionError: it isn't what was written.
        """
        header = record.header
        offset_bytes = record.place.offset_bytes
        blocks = VerifiedBlocks(
            self._file,
            offset_bytes + header.size_bytes,
            header.data_size_bytes,
            header.block_size_bytes,
            header.checks,
            f"{self._path}@{offset_bytes}",
        )
        data = blocks.read(0, header.data_size_bytes)
        reservation = self._blobs.writer.reserve(header.record_size_bytes)
        self._reservations.append(reservation)
        at = reservation.offset_bytes
        encoded = encode_record_header(header, reservation.segment_id, at)
        reservation.write_at(0, [encoded, data])
        place = Place(self._blobs.device_number, reservation.segment_id, at)
        self.made.append((record, place))
        return 2 * header.record_size_bytes

    def sync(self) -> None:
        """Returns once all of them survive a power cut."""
        for reservation in {held.segment_id: held for held in self._reservations}.values():
            reservation.sync()

    def release(self) -> None:
        """Says that there will be no more."""
        for reservation in self._reservations:
            reservation.release()

    def bury_late(self) -> None:
        """Deletes the copies of what has been deleted since it was copied."""
        for record, place in self.made:
            found = read_record_header(
                self._file, record.place.segment_id, record.place.offset_bytes, self._path
            )
            if found is not None and found.is_deleted:
                self._blobs.bury(BlobId(record.header.blob_id), place)
