"""Small blobs of one device, packed into segments: no file, name or directory sync for each.

A blob's id says where its record was born. There it is, until the compactor moves what is left of a
segment elsewhere; then the segment is gone, and the map of its moved records says where they are.
So the usual read is one open file and one or two reads, and knows of no map. A record's bytes never
change: only its tombstone is written over.

A record is there when its id is needed: a command that names it is only sent after `finish`, which
has synced it, or handed it over to be synced later (`rucket.store.blobs.late_sync`). Records
without a command (the gateway died in between) are orphans, which the maintenance process finds and
deletes, as it does those whose tombstone a power cut has taken.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from rucket.model.errors import CorruptionError, DeviceError, UnknownFormatError
from rucket.store.blobs.blob_ids import (
    RECORD_ALIGNMENT_BYTES,
    SEGMENT_ID_SIZE_BYTES,
    BlobKind,
    PackedBirth,
    birth_of,
    packed_blob_id,
)
from rucket.store.blobs.layout import BLOCK_SIZE_BYTES, encode_tail
from rucket.store.blobs.packed.directory import PackedDirectory
from rucket.store.blobs.packed.layout import (
    RECORD_MAGIC,
    TOMBSTONE,
    TOMBSTONE_OFFSET_BYTES,
    RecordHeader,
    decode_record_header,
    encode_record_header,
    has_tombstone,
    header_size_bytes,
    record_size_bytes,
)
from rucket.store.blobs.packed.moved_layout import Place
from rucket.store.blobs.packed.moved_maps import MovedMaps
from rucket.store.blobs.packed.segment_files import SegmentFiles
from rucket.store.blobs.packed.segment_walk import read_record_header, walk_segment
from rucket.store.blobs.packed.segment_writer import (
    SEGMENT_SIZE_BYTES_DEFAULT,
    SegmentWriter,
    WriterPorts,
)
from rucket.store.blobs.verified_blocks import BlockChecks, VerifiedBlocks

if TYPE_CHECKING:
    from rucket.model.names import BlobId
    from rucket.ports.clock import Clock
    from rucket.ports.disk import Buffer, File
    from rucket.store.blobs.late_sync import LateSync
    from rucket.store.blobs.packed.segment_files import SharedSegment
    from rucket.store.blobs.packed.segment_writer import Reservation

BLOB_SIZE_BYTES_MAX: Final = 1024 * 1024 + 4096
"""A MiB, and what encryption adds to it."""

_MOVES_MAX: Final = 16
"""How often a record may be moved while somebody looks for it."""

_logger = logging.getLogger(__name__)


class DeletedError(FileNotFoundError):
    """The record is there, with a tombstone."""


class PackedBlobs:
    """The packed blobs below `root`, which `prepare` has made once. All calls block.

    Args:
        ports: disk, randomness and threads.
        clock: says when blobs were written.
        root: of segments and maps.
        device_number: goes into ids.
        segment_size_bytes: of new segments, where there is room.
        late: syncs what is finished; None: that is synced at once. What is moved always is.
    """

    def __init__(
        self,
        ports: WriterPorts,
        clock: Clock,
        root: str,
        device_number: int,
        segment_size_bytes: int = SEGMENT_SIZE_BYTES_DEFAULT,
        late: LateSync | None = None,
    ) -> None:
        self.disk = ports.disk
        self.directory = PackedDirectory(ports.disk, root)
        self.device_number = device_number
        self.moved = MovedMaps(ports.disk, self.directory, ports.threads, device_number)
        self._clock = clock
        self._late = late
        self.writer = SegmentWriter(ports, self.directory, device_number, segment_size_bytes)
        self._files = SegmentFiles(ports.disk, self.directory, ports.threads)

    def prepare(self) -> None:
        """Makes the directories."""
        self.directory.prepare()

    def close(self) -> None:
        """Gives up the open segment, and closes the others."""
        self.writer.close()
        self._files.close()

    def close_removed(self) -> None:
        """Gives back the room of removed segments that were kept open. For every now and then."""
        self._files.close_removed()

    def create(self, size_bytes: int) -> PackedBlobWriter:
        """Starts a blob of exactly `size_bytes`; writing all of them at once is cheapest."""
        return PackedBlobWriter(
            self.writer, self._clock, self.device_number, size_bytes, self._late
        )

    def open(self, blob_id: BlobId) -> PackedBlobReader:
        """See `Blobs.open`."""
        birth = _birth_place(blob_id)
        try:
            return self._open_at(blob_id, birth)
        except DeletedError:
            raise
        except FileNotFoundError:
            place = self.moved.find(birth.segment_id, birth.offset_bytes)
        for _ in range(_MOVES_MAX):
            if place is None:
                break
            try:
                return self._open_at(blob_id, place)
            except DeletedError:
                raise
            except FileNotFoundError:
                found = self.moved.find_again(birth.segment_id, birth.offset_bytes)
                place = None if found == place else found
        raise FileNotFoundError(f"there is no packed blob {blob_id.hex()}")

    def open_cached(self, blob_id: BlobId) -> PackedBlobReader | None:
        """See `Blobs.open_cached`."""
        place = _birth_place(blob_id)
        segment = self._files.acquire_open(place.segment_id)
        if segment is None:
            return None
        try:
            data = segment.file.read_cached_at(place.offset_bytes, RECORD_ALIGNMENT_BYTES)
            if data is not None:
                return PackedBlobReader(self._files, segment, place.offset_bytes, blob_id, data)
        except (CorruptionError, FileNotFoundError, OSError):
            pass  # `open` comes to the same, and says so
        self._files.release(segment)
        return None

    def _open_at(self, blob_id: BlobId, place: Place) -> PackedBlobReader:
        segment = self._files.acquire(place.segment_id)
        try:
            data = segment.file.read_at(place.offset_bytes, RECORD_ALIGNMENT_BYTES)
            return PackedBlobReader(self._files, segment, place.offset_bytes, blob_id, data)
        except BaseException:
            self._files.release(segment)
            raise

    def delete(self, blob_id: BlobId) -> None:
        """See `Blobs.delete`. Not durable: what comes back after a power cut is garbage still."""
        birth = _birth_place(blob_id)
        place: Place | None = birth
        for _ in range(_MOVES_MAX):
            if place is None or self.bury(blob_id, place):
                return
            found = self.moved.find_again(birth.segment_id, birth.offset_bytes)
            place = None if found == place else found

    def bury(self, blob_id: BlobId, place: Place) -> bool:
        """Writes a tombstone onto a record, or onto what a damage has left of its header.

        Returns:
            Whether its segment is there.
        """
        path = self.directory.segment_path(place.segment_id)
        try:
            file = self.disk.open(path, writable=True)
        except FileNotFoundError:
            return False
        try:
            found = read_record_header(file, place.segment_id, place.offset_bytes, path)
            is_another = found is not None and found.header and found.header.blob_id != blob_id
            if not is_another and not (found is not None and found.is_deleted):
                # With the magic, which may be what is damaged.
                file.write_at(place.offset_bytes, [RECORD_MAGIC, TOMBSTONE])
        finally:
            file.close()
        return True

    def current_place(self, blob_id: BlobId) -> Place:
        """Where the record of a blob is, or would be."""
        birth = _birth_place(blob_id)
        moved = self.moved.find_again(birth.segment_id, birth.offset_bytes)
        return birth if moved is None else moved

    def list_ids(self, after: BlobId | None, limit: int) -> list[tuple[BlobId, int]]:
        """See `Blobs.list_ids`. `after` may be any id, of whatever kind."""
        prefix = bytes([BlobKind.PACKED, self.device_number])
        start = bytes(SEGMENT_ID_SIZE_BYTES)
        if after is not None and after >= prefix:
            if not after.startswith(prefix):
                return []
            start = after[len(prefix) : len(prefix) + SEGMENT_ID_SIZE_BYTES]
        found: list[tuple[BlobId, int]] = []
        for segment_id in self.directory.birth_segment_ids(start):
            found += [
                (blob_id, written_ms)
                for blob_id, written_ms in self._born_in(segment_id)
                if after is None or blob_id > after
            ]
            if len(found) >= limit:
                break
        return found[:limit]

    def _born_in(self, segment_id: bytes) -> list[tuple[BlobId, int]]:
        """The blobs that were born in a segment and are there, wherever, in the order of ids."""
        try:
            moved = self.moved.load(segment_id)
        except (CorruptionError, UnknownFormatError) as error:
            # Those it should lead to can't be found; all others are listed nevertheless.
            _logger.warning("%s", error)
            moved = {}
        written: dict[int, int] = {}
        for born_at, place in moved.items():
            header = self._header_at(place)
            if header is not None and header.blob_id == self._id_of(segment_id, born_at):
                written[born_at] = header.written_ms
        try:
            segment = self._files.acquire(segment_id)
        except FileNotFoundError:
            pass
        else:
            try:
                for record in walk_segment(segment.file, segment_id, segment.path):
                    at, header = record.offset_bytes, record.header
                    if header is None or record.is_deleted or at in moved:
                        continue
                    if header.blob_id == self._id_of(segment_id, at):
                        written[at] = header.written_ms
            finally:
                self._files.release(segment)
        return [(self._id_of(segment_id, at), written[at]) for at in sorted(written)]

    def salvage(self, blob_id: BlobId) -> bytes:
        """A blob as the file it would have been (`rucket.store.blobs.layout`), whatever is damaged
        in its data. Where its header can't be read: what lies between the records around it.

        Raises:
            FileNotFoundError: there is none.
            DeviceError: it can't be read, or its place can't be told.
        """
        try:
            place = self.current_place(blob_id)
        except CorruptionError as error:
            raise DeviceError(f"where blob {blob_id.hex()} is can't be told: {error}") from error
        segment = self._files.acquire(place.segment_id)
        try:
            return self._salvage(segment, place, blob_id)
        finally:
            self._files.release(segment)

    def _salvage(self, segment: SharedSegment, place: Place, blob_id: BlobId) -> bytes:
        file, at = segment.file, place.offset_bytes
        found = read_record_header(file, place.segment_id, at, segment.path)
        if found is not None and found.is_deleted:
            raise DeletedError(f"{segment.path}@{at}")
        header = None if found is None else found.header
        if header is None or header.blob_id != blob_id:
            end = at + record_size_bytes(BLOB_SIZE_BYTES_MAX, BLOCK_SIZE_BYTES)
            following = walk_segment(
                file, place.segment_id, segment.path, at + RECORD_ALIGNMENT_BYTES
            )
            for record in following:
                if record.header is not None or record.offset_bytes >= end:
                    end = min(end, record.offset_bytes)
                    break
            return file.read_at(at, end - at)
        data = file.read_at(at + header.size_bytes, header.data_size_bytes)
        return data + encode_tail(blob_id, header.data_size_bytes, list(header.checks))

    def _header_at(self, place: Place) -> RecordHeader | None:
        try:
            segment = self._files.acquire(place.segment_id)
        except FileNotFoundError:
            return None
        try:
            found = read_record_header(
                segment.file, place.segment_id, place.offset_bytes, segment.path
            )
        finally:
            self._files.release(segment)
        return None if found is None or found.is_deleted else found.header

    def _id_of(self, segment_id: bytes, offset_bytes: int) -> BlobId:
        return packed_blob_id(PackedBirth(self.device_number, segment_id, offset_bytes))


def _birth_place(blob_id: BlobId) -> Place:
    birth = birth_of(blob_id)
    assert isinstance(birth, PackedBirth)
    return Place(birth.device_number, birth.segment_id, birth.offset_bytes)


class PackedBlobWriter:
    """The `BlobWriter` port."""

    __slots__ = (
        "_checks",
        "_clock",
        "_device_number",
        "_has_header",
        "_late",
        "_place",
        "_segments",
        "_size_bytes",
    )

    def __init__(
        self,
        segments: SegmentWriter,
        clock: Clock,
        device_number: int,
        size_bytes: int,
        late: LateSync | None = None,
    ) -> None:
        self._late = late
        self._segments = segments
        self._clock = clock
        self._device_number = device_number
        self._size_bytes = size_bytes
        self._checks = BlockChecks(BLOCK_SIZE_BYTES)
        self._place: Reservation | None = None
        self._has_header = False

    def write(self, data: Buffer) -> None:
        """See `BlobWriter.write`."""
        view = memoryview(data)
        offset = self._checks.size_bytes
        assert offset + len(view) <= self._size_bytes, "more than was announced"
        self._checks.update(view)
        place = self._reserved()
        if len(view) == self._size_bytes:
            self._has_header = True
            place.write_at(0, [self._header(place), view])
        else:
            place.write_at(self._header_size_bytes() + offset, [view])

    def finish(self) -> BlobId:
        """See `BlobWriter.finish`."""
        assert self._checks.size_bytes == self._size_bytes, "less than was announced"
        place = self._reserved()
        if not self._has_header:
            self._has_header = True
            place.write_at(0, [self._header(place)])
        if self._late is None:
            place.sync()
            place.release()
        else:
            self._late.take_place(place, self._size_bytes)
        return self._blob_id(place)

    def abort(self) -> None:
        """See `BlobWriter.abort`. What was written of it is dead."""
        place = self._place
        if place is None or place.is_released:
            return
        try:
            if self._has_header:
                place.write_at(TOMBSTONE_OFFSET_BYTES, [TOMBSTONE])
        finally:
            place.release()

    def _reserved(self) -> Reservation:
        if self._place is None:
            self._place = self._segments.reserve(
                record_size_bytes(self._size_bytes, BLOCK_SIZE_BYTES)
            )
        return self._place

    def _header_size_bytes(self) -> int:
        return header_size_bytes(-(-self._size_bytes // BLOCK_SIZE_BYTES))

    def _header(self, place: Reservation) -> bytes:
        header = RecordHeader(
            self._blob_id(place),
            self._checks.size_bytes,
            BLOCK_SIZE_BYTES,
            self._clock.wall_ms(),
            tuple(self._checks.all()),
        )
        return encode_record_header(header, place.segment_id, place.offset_bytes)

    def _blob_id(self, place: Reservation) -> BlobId:
        return packed_blob_id(
            PackedBirth(self._device_number, place.segment_id, place.offset_bytes)
        )


class PackedBlobReader:
    """The `BlobReader` port.

    Args:
        data: the record's first `RECORD_ALIGNMENT_BYTES`.
    """

    __slots__ = ("_blocks", "_data", "_files", "_segment", "size_bytes")

    def __init__(
        self,
        files: SegmentFiles,
        segment: SharedSegment,
        offset_bytes: int,
        blob_id: BlobId,
        data: bytes,
    ) -> None:
        file: File = segment.file
        name = f"{segment.path}@{offset_bytes}"
        try:
            header = decode_record_header(data, segment.segment_id, offset_bytes, name)
        except CorruptionError as error:
            if has_tombstone(data):
                raise DeletedError(name) from error
            raise
        if header.is_deleted:
            raise DeletedError(name)
        if header.blob_id != blob_id:
            raise CorruptionError(name, f"it is blob {header.blob_id.hex()}, not {blob_id.hex()}")
        start = offset_bytes + header.size_bytes
        self.size_bytes = header.data_size_bytes
        self._blocks = VerifiedBlocks(
            file, start, self.size_bytes, header.block_size_bytes, header.checks, name
        )
        # All of a small blob has been read already.
        end = header.size_bytes + self.size_bytes
        self._data = data[header.size_bytes : end] if end <= len(data) else None
        self._files = files
        self._segment: SharedSegment | None = segment

    def read(self, offset: int, size_bytes: int) -> bytes:
        """See `BlobReader.read`."""
        if self._data is not None:
            return self._blocks.verified(self._data, 0, self.size_bytes, offset, size_bytes)
        return self._blocks.read(offset, size_bytes)

    def read_cached(self, offset: int, size_bytes: int) -> bytes | None:
        """See `BlobReader.read_cached`."""
        if self._data is not None:
            return self._blocks.verified(self._data, 0, self.size_bytes, offset, size_bytes)
        return self._blocks.read_cached(offset, size_bytes)

    def close(self) -> None:
        """See `BlobReader.close`."""
        segment, self._segment = self._segment, None
        if segment is not None:
            self._files.release(segment)
