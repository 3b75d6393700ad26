"""Small blobs packed, others in files, behind one port."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rucket.disk.os_disk import OsDisk
from rucket.runtime.system import SystemClock, SystemRandom
from rucket.runtime.system_threads import SystemThreads
from rucket.store.blobs.blob_ids import FileBirth, PackedBirth, birth_of
from rucket.store.blobs.device_blobs import DeviceBlobs
from rucket.store.blobs.file_blobs import FileBlobs, FileBlobWriter
from rucket.store.blobs.packed.packed_blobs import PackedBlobs
from rucket.store.blobs.packed.segment_writer import WriterPorts

if TYPE_CHECKING:
    from pathlib import Path

    from rucket.model.names import BlobId

PACKED_SIZE_BYTES_MAX = 1000


@pytest.fixture
def blobs(tmp_path: Path) -> DeviceBlobs:
    random = SystemRandom()
    ports = WriterPorts(OsDisk(), random, SystemThreads())
    packed = PackedBlobs(ports, SystemClock(), str(tmp_path / "packed"), 0, 64 * 1024)
    device = DeviceBlobs(
        FileBlobs(OsDisk(), str(tmp_path), 0, random), packed, PACKED_SIZE_BYTES_MAX
    )
    device.prepare()
    return device


def _put(blobs: DeviceBlobs, size_bytes: int, *, is_known: bool = True) -> BlobId:
    writer = blobs.create("STANDARD", size_bytes if is_known else None)
    writer.write(bytes(size_bytes))
    return writer.finish()


def test_size_decides_and_an_unknown_one_makes_a_file(blobs: DeviceBlobs) -> None:
    """Up to the limit packed, above it a file."""
    births = [
        birth_of(_put(blobs, PACKED_SIZE_BYTES_MAX)),
        birth_of(_put(blobs, PACKED_SIZE_BYTES_MAX + 1)),
        birth_of(_put(blobs, 10, is_known=False)),
    ]

    assert list(map(type, births)) == [PackedBirth, FileBirth, FileBirth]


def test_both_kinds_are_listed_in_the_order_of_ids_and_deleted(blobs: DeviceBlobs) -> None:
    """Page by page, across kinds."""
    blob_ids = [_put(blobs, size) for size in (1, 2000, 2, 3000, 3, 4000)]

    listed: list[BlobId] = []
    while page := blobs.list_ids(listed[-1] if listed else None, 2):
        listed += [blob_id for blob_id, _ in page]
    assert listed == sorted(blob_ids)

    for blob_id in blob_ids:
        blobs.delete(blob_id)
        with pytest.raises(FileNotFoundError):
            blobs.open(blob_id)
    assert blobs.list_ids(None, 10) == []


def test_a_packed_blob_that_became_a_file_is_found(blobs: DeviceBlobs) -> None:
    """As a restore makes them."""
    blob_id = _put(blobs, 5)
    blobs.packed.delete(blob_id)
    writer = FileBlobWriter(OsDisk(), blobs.files.path(blob_id), blob_id, None)
    writer.write(b"again")
    writer.finish()

    assert blobs.open(blob_id).read(0, 5) == b"again"
    assert [found for found, _ in blobs.list_ids(None, 10)] == [blob_id]
    blobs.delete(blob_id)
    with pytest.raises(FileNotFoundError):
        blobs.open(blob_id)
