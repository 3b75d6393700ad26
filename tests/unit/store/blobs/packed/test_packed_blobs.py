"""Packed blobs: what is written is read, what is damaged isn't."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rucket.disk.os_disk import OsDisk
from rucket.model.errors import CorruptionError, DeviceError
from rucket.model.names import BlobId
from rucket.store.blobs.blob_ids import PackedBirth, birth_of, new_file_blob_id
from rucket.store.blobs.layout import BLOCK_SIZE_BYTES
from rucket.store.blobs.packed.layout import RecordHeader, encode_record_header
from tests.unit.fakes import FakeRandom
from tests.unit.store.blobs.packed.packed_device import PackedDevice, flip, list_all, read

if TYPE_CHECKING:
    from pathlib import Path

    from rucket.disk.os_file import OsFile


@pytest.fixture
def device(tmp_path: Path) -> PackedDevice:
    return PackedDevice(tmp_path / "packed")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> PackedDevice:
    return PackedDevice(tmp_path_factory.mktemp("packed"))


def _birth(blob_id: BlobId) -> PackedBirth:
    birth = birth_of(blob_id)
    assert isinstance(birth, PackedBirth)
    return birth


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    sizes=st.lists(st.integers(0, 2 * BLOCK_SIZE_BYTES), max_size=4),
    ends=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_any_range_reads_back_as_written(
    shared: PackedDevice, sizes: list[int], ends: tuple[float, float]
) -> None:
    """However the pieces and the range lie across the blocks."""
    pieces = [bytes([place + 1]) * size for place, size in enumerate(sizes)]
    data = b"".join(pieces)
    writer = shared.blobs.create(len(data))
    for piece in pieces:
        writer.write(piece)
    blob_id = writer.finish()
    start, end = sorted(int(end * len(data)) for end in ends)

    reader = shared.blobs.open(blob_id)

    assert reader.size_bytes == len(data)
    assert reader.read(start, end - start) == data[start:end]
    cached = reader.read_cached(start, end - start)
    assert cached is None or cached == data[start:end]
    reader.close()


def test_what_is_open_and_cached_is_opened_without_waiting(device: PackedDevice) -> None:
    """The segment has been read from before; the blob is where it was born, and there."""
    blob_id = device.put(50_000)
    assert device.blobs.open_cached(blob_id) is None, "nobody has opened the segment yet"
    device.blobs.open(blob_id).close()

    # Now and then the simulated disk has nothing cached.
    reader = next(filter(None, (device.blobs.open_cached(blob_id) for _ in range(100))))

    assert reader.read(0, 50_000) == device.bodies[blob_id]
    reader.close()
    device.delete(blob_id)
    assert device.blobs.open_cached(blob_id) is None


def test_blobs_share_segments_and_are_listed_in_the_order_of_ids(device: PackedDevice) -> None:
    """Many blobs, few files; ids say the device and where the record is."""
    for place in range(40):
        device.put(place * 100)

    device.check()
    assert len(device.segment_paths()) <= 5
    assert {_birth(blob_id).device_number for blob_id in device.bodies} == {3}


def test_a_deleted_blob_is_gone_and_the_others_are_not(device: PackedDevice) -> None:
    """A tombstone hides one record; deleting again is harmless."""
    blob_ids = [device.put(5000) for _ in range(20)]

    for blob_id in blob_ids[::2]:
        device.delete(blob_id)
        device.blobs.delete(blob_id)

    device.check()
    with pytest.raises(FileNotFoundError):
        device.blobs.open(blob_ids[0])


def test_an_open_blob_stays_readable_when_it_is_deleted(device: PackedDevice) -> None:
    """A tombstone changes no data."""
    blob_id = device.put(50_000)
    body = device.bodies[blob_id]
    reader = device.blobs.open(blob_id)

    device.delete(blob_id)

    assert reader.read(0, len(body)) == body
    reader.close()
    reader.close()


def test_an_aborted_blob_leaves_nothing(device: PackedDevice) -> None:
    """Whether its header was written or not; others follow it."""
    for pieces in ((b"0123456789",), (b"01234", b"56789")[:1]):
        writer = device.blobs.create(10)
        for piece in pieces:
            writer.write(piece)
        writer.abort()
        writer.abort()
    device.put(10)

    device.check()


def test_an_abort_after_a_finish_undoes_nothing(device: PackedDevice) -> None:
    """As the port says."""
    writer = device.blobs.create(5)
    writer.write(b"bytes")
    blob_id = writer.finish()

    writer.abort()

    assert read(device.blobs, blob_id) == b"bytes"


def test_an_unknown_segment_has_no_blobs(device: PackedDevice) -> None:
    """An id of a segment that never was, or is gone."""
    blob_id = device.put(10)
    device.blobs.close()
    device.segment_of(blob_id).unlink()

    with pytest.raises(FileNotFoundError):
        device.start().open(blob_id)


def test_a_flipped_byte_anywhere_is_never_served(device: PackedDevice) -> None:
    """In the header or the data of a record: reading all of it raises, and its neighbours are
    served.
    """
    first, blob_id, last = device.put(5000), device.put(300), device.put(5000)
    start = _birth(blob_id).offset_bytes
    path = device.segment_of(blob_id)
    for offset in range(start, start + 56 + 300):
        for mask in (1, 0x90):
            flip(path, offset, mask)
            with pytest.raises((CorruptionError, FileNotFoundError)):
                read(device.blobs, blob_id)
            flip(path, offset, mask)
    flip(path, start + 20)

    assert read(device.blobs, first) == device.bodies[first]
    assert read(device.blobs, last) == device.bodies[last]
    assert list_all(device.blobs, 10) == sorted([first, last])


def test_a_range_verifies_only_the_blocks_it_touches(device: PackedDevice) -> None:
    """Damage elsewhere doesn't matter to it."""
    blob_id = device.put(3 * BLOCK_SIZE_BYTES)
    body = device.bodies[blob_id]
    flip(device.segment_of(blob_id), _birth(blob_id).offset_bytes + 100)

    reader = device.blobs.open(blob_id)

    assert reader.read(BLOCK_SIZE_BYTES, 10) == body[BLOCK_SIZE_BYTES:][:10]
    with pytest.raises(CorruptionError, match="block 0"):
        reader.read(BLOCK_SIZE_BYTES - 1, 2)
    reader.close()


def test_bytes_of_an_object_never_pass_for_a_record(device: PackedDevice) -> None:
    """Not even a copy of a whole segment, with the record around it damaged."""
    device.put(100)
    segment = device.segment_paths()[0].read_bytes()[: 3 * 4096]
    header = RecordHeader(bytes(16), 100, BLOCK_SIZE_BYTES, 1, (0,))
    forged = encode_record_header(header, bytes(6), 4096).ljust(4096, b"\0")
    body = bytes(4096 - 56) + segment + forged * 2
    writer = device.blobs.create(len(body))
    writer.write(body)
    blob_id = writer.finish()
    last = device.put(100)
    flip(device.segment_of(blob_id), _birth(blob_id).offset_bytes + 20)

    listed = list_all(device.blobs, 10)

    assert listed == sorted(device.bodies)
    assert last in listed


def test_ids_of_other_kinds_bound_a_listing(device: PackedDevice) -> None:
    """Those before packed ones, those behind, and those that only look like one."""
    for _ in range(5):
        device.put(10)
    ordered = sorted(device.bodies)
    file_id = new_file_blob_id(3, FakeRandom())

    assert [found for found, _ in device.blobs.list_ids(file_id, 10)] == ordered
    assert device.blobs.list_ids(BlobId(b"\xff" * 16), 10) == []
    look_alike = BlobId(ordered[2][:12] + b"\xff" * 4)
    assert [found for found, _ in device.blobs.list_ids(look_alike, 10)] == ordered[3:]


def test_a_salvaged_blob_is_the_file_it_would_have_been(device: PackedDevice) -> None:
    """Data, checks and footer, whatever is damaged in the data; without a header, raw bytes."""
    blob_id = device.put(200_000)
    device.put(10)
    start = _birth(blob_id).offset_bytes
    flip(device.segment_of(blob_id), start + 1000)

    salvaged = device.blobs.salvage(blob_id)
    assert sum(map(int.__ne__, salvaged, device.bodies[blob_id])) == 1

    flip(device.segment_of(blob_id), start)
    raw = device.blobs.salvage(blob_id)
    assert device.bodies[blob_id][5000:] in raw
    device.blobs.delete(blob_id)
    with pytest.raises(FileNotFoundError):
        device.blobs.salvage(blob_id)
    with pytest.raises(FileNotFoundError):
        device.blobs.open(blob_id)


class _FailingDisk(OsDisk):
    """Whose next syncs of files fail when told so."""

    fails = False
    sync_count = 0

    def create_unnamed(self, directory: str) -> OsFile:
        file = super().create_unnamed(directory)
        sync = file.sync_data

        def sync_data() -> None:
            self.sync_count += 1
            if self.fails:
                raise DeviceError("injected")
            sync()

        file.sync_data = sync_data  # type: ignore[method-assign]
        return file


def test_a_segment_whose_sync_failed_is_never_synced_again(tmp_path: Path) -> None:
    """Who waited for it fails; the next blob goes into another segment."""
    disk = _FailingDisk()
    device = PackedDevice(tmp_path, disk)
    before = device.put(100)
    writers = [device.blobs.create(4) for _ in range(2)]
    for writer in writers:
        writer.write(b"body")
    disk.fails = True
    with pytest.raises(DeviceError):
        writers[0].finish()
    disk.fails = False
    count = disk.sync_count
    with pytest.raises(DeviceError):
        writers[1].finish()
    assert disk.sync_count == count
    for writer in writers:
        writer.abort()

    after = device.put(100)

    assert _birth(after).segment_id != _birth(before).segment_id
    device.check()
