"""Blobs in files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rucket.disk.os_disk import OsDisk
from rucket.model.crc32c import crc32c
from rucket.model.errors import CorruptionError, DeviceError, RucketError
from rucket.model.names import BlobId
from rucket.runtime.system import SystemRandom
from rucket.store.blobs.blob_ids import BlobKind, PackedBirth, new_file_blob_id, packed_blob_id
from rucket.store.blobs.file_blobs import FileBlobs, FileBlobWriter
from rucket.store.blobs.layout import BLOCK_SIZE_BYTES, encode_tail

_OLD_ID = BlobId(bytes(range(16)))


@pytest.fixture(scope="module")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> FileBlobs:
    return _prepared(tmp_path_factory.mktemp("blobs"))


def _prepared(directory: Path, device_number: int = 0) -> FileBlobs:
    blobs = FileBlobs(OsDisk(), str(directory), device_number, SystemRandom())
    blobs.prepare()
    return blobs


def _write(blobs: FileBlobs, pieces: list[bytes]) -> tuple[BlobId, bytes]:
    data = b"".join(pieces)
    writer = blobs.create("STANDARD", len(data))
    for piece in pieces:
        writer.write(piece)
    return writer.finish(), data


def _write_of_format_1(directory: Path, blob_id: BlobId, data: bytes) -> Path:
    """What an earlier version wrote."""
    path = directory / f"{blob_id[0]:02x}" / blob_id.hex()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data + encode_tail(blob_id, len(data), [crc32c(data)]))
    return path


def _file(blobs: FileBlobs, blob_id: BlobId) -> Path:
    return Path(blobs.path(blob_id))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    sizes=st.lists(st.integers(0, 3 * BLOCK_SIZE_BYTES), max_size=4),
    ends=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_any_range_reads_back_as_written(
    blobs: FileBlobs, sizes: list[int], ends: tuple[float, float]
) -> None:
    """However the pieces and the range lie across the blocks."""
    blob_id, data = _write(blobs, [bytes([i + 1]) * size for i, size in enumerate(sizes)])
    start, end = sorted(int(end * len(data)) for end in ends)

    reader = blobs.open(blob_id)

    assert reader.size_bytes == len(data)
    assert bytes(reader.read(start, end - start)) == data[start:end]
    cached = reader.read_cached(start, end - start)
    assert cached is None or bytes(cached) == data[start:end]
    reader.close()


def test_a_flipped_byte_anywhere_is_never_served(blobs: FileBlobs) -> None:
    """In the data, the checks or the footer: a read of all of it raises."""
    blob_id, data = _write(blobs, [bytes(BLOCK_SIZE_BYTES), b"tail" * 10])
    whole = _file(blobs, blob_id).read_bytes()
    interesting = {0, 1, BLOCK_SIZE_BYTES - 1, BLOCK_SIZE_BYTES, len(data) - 1}
    for position in sorted(interesting | set(range(len(data), len(whole)))):
        damaged = bytearray(whole)
        damaged[position] ^= 0x10
        _file(blobs, blob_id).write_bytes(damaged)
        with pytest.raises(RucketError):
            reader = blobs.open(blob_id)
            reader.read(0, len(data))


def test_a_range_verifies_only_the_blocks_it_touches(blobs: FileBlobs) -> None:
    """Damage elsewhere doesn't matter to it."""
    blob_id, data = _write(blobs, [bytes(3 * BLOCK_SIZE_BYTES)])
    damaged = bytearray(_file(blobs, blob_id).read_bytes())
    damaged[0] ^= 1
    _file(blobs, blob_id).write_bytes(damaged)

    reader = blobs.open(blob_id)

    assert bytes(reader.read(BLOCK_SIZE_BYTES, 10)) == data[:10]
    with pytest.raises(CorruptionError, match="block 0"):
        reader.read(BLOCK_SIZE_BYTES - 1, 2)
    reader.close()


@pytest.mark.parametrize("kept_bytes", [0, 1, 100, BLOCK_SIZE_BYTES])
def test_a_file_cut_short_is_refused(blobs: FileBlobs, kept_bytes: int) -> None:
    """At whatever place."""
    blob_id, _ = _write(blobs, [bytes(BLOCK_SIZE_BYTES)])
    _file(blobs, blob_id).write_bytes(_file(blobs, blob_id).read_bytes()[:kept_bytes])

    with pytest.raises(CorruptionError):
        blobs.open(blob_id)


def test_a_file_under_another_name_is_refused(blobs: FileBlobs) -> None:
    """A blob knows its id."""
    blob_id, _ = _write(blobs, [b"data"])
    other, _ = _write(blobs, [b"other"])
    Path(blobs.path(other)).write_bytes(_file(blobs, blob_id).read_bytes())

    with pytest.raises(CorruptionError, match="another blob"):
        blobs.open(other)


def test_an_aborted_blob_leaves_nothing(tmp_path: Path) -> None:
    """It never had a name."""
    blobs = _prepared(tmp_path)
    writer = blobs.create("STANDARD", 10)
    writer.write(b"0123456789")
    writer.abort()
    writer.abort()

    with pytest.raises(FileNotFoundError):
        blobs.open(writer.blob_id)
    assert blobs.list_ids(None, 1) == []


def test_an_abort_after_a_finish_undoes_nothing(blobs: FileBlobs) -> None:
    """What was finished is removed by `delete` alone."""
    writer = blobs.create("STANDARD", None)
    writer.write(b"data")
    blob_id = writer.finish()
    writer.abort()

    assert blobs.open(blob_id).read(0, 4) == b"data"


def test_an_open_blob_stays_readable_when_it_is_deleted(blobs: FileBlobs) -> None:
    """A reader is never cut off by the collector."""
    blob_id, data = _write(blobs, [b"x" * 1000])
    reader = blobs.open(blob_id)
    blobs.delete(blob_id)
    blobs.delete(blob_id)

    assert bytes(reader.read(0, 1000)) == data
    reader.close()


def test_blobs_are_listed_page_by_page_in_the_order_of_ids(tmp_path: Path) -> None:
    """Each with the time it was written; those of format 1, and of other devices, among them."""
    blobs = _prepared(tmp_path, 7)
    old_ids = [
        BlobId(bytes([first]) + bytes([second]) * 15)
        for first in (0, 7, BlobKind.FILE, 255)
        for second in (1, 9)
    ]
    for blob_id in old_ids:
        _write_of_format_1(tmp_path, blob_id, b"x")
    new_ids = [_write(blobs, [b"x"])[0] for _ in range(20)]
    (tmp_path / "files/00/notes").write_text("not ours")
    foreign_ids = [new_file_blob_id(number % 4, SystemRandom()) for number in range(12)]
    foreign_ids += [packed_blob_id(PackedBirth(7, bytes([n] * 6), 4096)) for n in range(5)]
    for blob_id in foreign_ids:
        path = _file(blobs, blob_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" + encode_tail(blob_id, 1, [crc32c(b"x")]))
        assert blobs.open(blob_id).read(0, 1) == b"x"

    listed: list[BlobId] = []
    while page := blobs.list_ids(listed[-1] if listed else None, 2):
        assert all(written_ms > 0 for _, written_ms in page)
        listed.extend(blob_id for blob_id, _ in page)

    assert listed == sorted(old_ids + new_ids + foreign_ids)


@pytest.mark.parametrize(
    "blob_id",
    [_OLD_ID, new_file_blob_id(3, SystemRandom()), packed_blob_id(PackedBirth(0, bytes(6), 4096))],
    ids=["any", "looks like a file", "looks like a record"],
)
def test_what_an_earlier_version_wrote_is_found_and_deleted(
    tmp_path: Path, blob_id: BlobId
) -> None:
    """Ids were 16 random bytes: once in a while one looks as if it said more."""
    path = _write_of_format_1(tmp_path, blob_id, b"old bytes")
    blobs = _prepared(tmp_path)

    reader = blobs.open(blob_id)
    assert reader.read(4, 5) == b"bytes"
    reader.close()
    assert [found for found, _ in blobs.list_ids(None, 10)] == [blob_id]
    blobs.delete(blob_id)

    assert not path.exists()
    with pytest.raises(FileNotFoundError):
        blobs.open(blob_id)


def test_a_directory_that_is_missing_is_a_device_error_or_missing(tmp_path: Path) -> None:
    """And nothing worse."""
    blobs = FileBlobs(OsDisk(), str(tmp_path / "nowhere"), 0, SystemRandom())
    with pytest.raises((DeviceError, FileNotFoundError)):
        blobs.create("STANDARD", 1)


def test_packed_blobs_that_became_files_are_listed_in_the_order_of_ids(tmp_path: Path) -> None:
    """A restore makes a file of each blob, whatever it was before."""
    blobs = _prepared(tmp_path, 3)
    ids = [_write(blobs, [b"x"])[0] for _ in range(5)]
    for place in range(5):
        birth = PackedBirth(3, bytes([255 - place * 50]) * 6, 4096)
        packed_id = packed_blob_id(birth)
        writer = FileBlobWriter(OsDisk(), blobs.path(packed_id), packed_id, None)
        writer.write(b"x")
        ids.append(writer.finish())

    listed: list[BlobId] = []
    while page := blobs.list_ids(listed[-1] if listed else None, 3):
        listed.extend(blob_id for blob_id, _ in page)

    assert listed == sorted(ids)
    assert blobs.open(ids[-1]).size_bytes == 1
