"""Blobs in files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rucket.disk.os_disk import OsDisk
from rucket.model.errors import CorruptionError, DeviceError, RucketError
from rucket.model.names import BlobId
from rucket.store.blobs.file_blobs import FileBlobs
from rucket.store.blobs.layout import BLOCK_SIZE_BYTES

_ID = BlobId(bytes(range(16)))


@pytest.fixture(scope="module")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> FileBlobs:
    blobs = FileBlobs(OsDisk(), str(tmp_path_factory.mktemp("blobs")))
    blobs.prepare()
    return blobs


def _write(blobs: FileBlobs, pieces: list[bytes], blob_id: BlobId = _ID) -> bytes:
    blobs.delete(blob_id)
    data = b"".join(pieces)
    writer = blobs.create(blob_id, len(data))
    for piece in pieces:
        writer.write(piece)
    writer.finish()
    return data


def _file(blobs: FileBlobs) -> Path:
    return Path(blobs.path(_ID))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    sizes=st.lists(st.integers(0, 3 * BLOCK_SIZE_BYTES), max_size=4),
    ends=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_any_range_reads_back_as_written(
    blobs: FileBlobs, sizes: list[int], ends: tuple[float, float]
) -> None:
    """However the pieces and the range lie across the blocks."""
    data = _write(blobs, [bytes([i + 1]) * size for i, size in enumerate(sizes)])
    start, end = sorted(int(end * len(data)) for end in ends)

    reader = blobs.open(_ID)

    assert reader.size_bytes == len(data)
    assert bytes(reader.read(start, end - start)) == data[start:end]
    cached = reader.read_cached(start, end - start)
    assert cached is None or bytes(cached) == data[start:end]
    reader.close()


def test_a_flipped_byte_anywhere_is_never_served(blobs: FileBlobs) -> None:
    """In the data, the checks or the footer: a read of all of it raises."""
    data = _write(blobs, [bytes(BLOCK_SIZE_BYTES), b"tail" * 10])
    whole = _file(blobs).read_bytes()
    interesting = {0, 1, BLOCK_SIZE_BYTES - 1, BLOCK_SIZE_BYTES, len(data) - 1}
    for position in sorted(interesting | set(range(len(data), len(whole)))):
        damaged = bytearray(whole)
        damaged[position] ^= 0x10
        _file(blobs).write_bytes(damaged)
        with pytest.raises(RucketError):
            reader = blobs.open(_ID)
            reader.read(0, len(data))


def test_a_range_verifies_only_the_blocks_it_touches(blobs: FileBlobs) -> None:
    """Damage elsewhere doesn't matter to it."""
    data = _write(blobs, [bytes(3 * BLOCK_SIZE_BYTES)])
    damaged = bytearray(_file(blobs).read_bytes())
    damaged[0] ^= 1
    _file(blobs).write_bytes(damaged)

    reader = blobs.open(_ID)

    assert bytes(reader.read(BLOCK_SIZE_BYTES, 10)) == data[:10]
    with pytest.raises(CorruptionError, match="block 0"):
        reader.read(BLOCK_SIZE_BYTES - 1, 2)
    reader.close()


@pytest.mark.parametrize("kept_bytes", [0, 1, 100, BLOCK_SIZE_BYTES])
def test_a_file_cut_short_is_refused(blobs: FileBlobs, kept_bytes: int) -> None:
    """At whatever place."""
    _write(blobs, [bytes(BLOCK_SIZE_BYTES)])
    _file(blobs).write_bytes(_file(blobs).read_bytes()[:kept_bytes])

    with pytest.raises(CorruptionError):
        blobs.open(_ID)


def test_a_file_under_another_name_is_refused(blobs: FileBlobs) -> None:
    """A blob knows its id."""
    _write(blobs, [b"data"])
    other = BlobId(bytes(16))
    Path(blobs.path(other)).write_bytes(_file(blobs).read_bytes())

    with pytest.raises(CorruptionError, match="another blob"):
        blobs.open(other)


def test_an_aborted_blob_leaves_nothing(blobs: FileBlobs) -> None:
    """It never had a name."""
    blobs.delete(_ID)
    writer = blobs.create(_ID, 10)
    writer.write(b"0123456789")
    writer.abort()
    writer.abort()

    with pytest.raises(FileNotFoundError):
        blobs.open(_ID)
    assert not _file(blobs).exists()


def test_an_open_blob_stays_readable_when_it_is_deleted(blobs: FileBlobs) -> None:
    """A reader is never cut off by the collector."""
    data = _write(blobs, [b"x" * 1000])
    reader = blobs.open(_ID)
    blobs.delete(_ID)
    blobs.delete(_ID)

    assert bytes(reader.read(0, 1000)) == data
    reader.close()


def test_blobs_are_listed_page_by_page_in_the_order_of_ids(tmp_path: Path) -> None:
    """Each with the time it was written."""
    blobs = FileBlobs(OsDisk(), str(tmp_path))
    blobs.prepare()
    ids = sorted(
        BlobId(bytes([first]) + bytes([second]) * 15) for first in (0, 7, 255) for second in (1, 9)
    )
    for blob_id in ids:
        _write(blobs, [b"x"], blob_id)

    listed: list[BlobId] = []
    while page := blobs.list_ids(listed[-1] if listed else None, 2):
        assert all(written_ms > 0 for _, written_ms in page)
        listed.extend(blob_id for blob_id, _ in page)

    assert listed == ids


def test_a_directory_that_is_missing_is_a_device_error_or_missing(tmp_path: Path) -> None:
    """And nothing worse."""
    with pytest.raises((DeviceError, FileNotFoundError)):
        FileBlobs(OsDisk(), str(tmp_path / "nowhere")).create(_ID, 1)
