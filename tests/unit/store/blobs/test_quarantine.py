"""Moving damaged blobs out of reach."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rucket.disk.os_disk import OsDisk
from rucket.runtime.system import SystemClock
from rucket.runtime.system_threads import SystemThreads
from rucket.store.blobs.device_blobs import DeviceBlobs
from rucket.store.blobs.file_blobs import FileBlobs
from rucket.store.blobs.inspection import inspect_blob
from rucket.store.blobs.packed.packed_blobs import PackedBlobs
from rucket.store.blobs.packed.segment_writer import WriterPorts
from rucket.store.blobs.quarantine import FileQuarantine
from tests.unit.fakes import FakeRandom

if TYPE_CHECKING:
    from rucket.model.names import BlobId


@pytest.fixture
def blobs(tmp_path: Path) -> DeviceBlobs:
    """None yet."""
    packed = PackedBlobs(
        WriterPorts(OsDisk(), FakeRandom(), SystemThreads()),
        SystemClock(),
        str(tmp_path / "blobs" / "packed"),
        0,
        1024 * 1024,
    )
    files = FileBlobs(OsDisk(), str(tmp_path / "blobs"), 0, FakeRandom())
    blobs = DeviceBlobs(files, packed)
    blobs.prepare()
    return blobs


@pytest.fixture
def blob_id(blobs: DeviceBlobs) -> BlobId:
    """One with some bytes."""
    writer = blobs.create("STANDARD", None)
    writer.write(b"bytes")
    return writer.finish()


@pytest.fixture
def quarantine(tmp_path: Path, blobs: DeviceBlobs) -> FileQuarantine:
    """An empty one."""
    return FileQuarantine(OsDisk(), blobs, str(tmp_path / "quarantine"))


def test_a_blob_in_quarantine_is_gone_for_readers(
    tmp_path: Path, blobs: DeviceBlobs, blob_id: BlobId, quarantine: FileQuarantine
) -> None:
    """Its file is as it was, and the report lies beside it."""
    content = Path(blobs.files.path(blob_id)).read_bytes()
    assert not quarantine.holds(blob_id)

    place = quarantine.isolate(blob_id, b"report")

    assert place == str(tmp_path / "quarantine" / blob_id.hex())
    assert (tmp_path / "quarantine" / blob_id.hex()).read_bytes() == content
    assert (tmp_path / "quarantine" / f"{blob_id.hex()}.json").read_bytes() == b"report"
    assert quarantine.holds(blob_id)
    with pytest.raises(FileNotFoundError):
        blobs.open(blob_id)


def test_a_report_that_a_crash_left_is_replaced(
    tmp_path: Path, blob_id: BlobId, quarantine: FileQuarantine
) -> None:
    """The move goes on as if nothing had happened."""
    report = tmp_path / "quarantine" / f"{blob_id.hex()}.json"
    report.parent.mkdir()
    report.write_bytes(b"an earlier one")

    quarantine.isolate(blob_id, b"report")

    assert report.read_bytes() == b"report"


def test_a_blob_that_is_gone_leaves_no_report(
    tmp_path: Path, blobs: DeviceBlobs, blob_id: BlobId, quarantine: FileQuarantine
) -> None:
    """Garbage may be removed at any moment."""
    blobs.delete(blob_id)

    with pytest.raises(FileNotFoundError):
        quarantine.isolate(blob_id, b"report")
    assert list((tmp_path / "quarantine").iterdir()) == []


def test_a_packed_blob_becomes_the_file_it_would_have_been(
    blobs: DeviceBlobs, quarantine: FileQuarantine
) -> None:
    """It can be inspected there, and read again where files are."""
    writer = blobs.create("STANDARD", 5)
    writer.write(b"bytes")
    blob_id = writer.finish()

    place = quarantine.isolate(blob_id, b"report")

    assert quarantine.holds(blob_id)
    with pytest.raises(FileNotFoundError):
        blobs.open(blob_id)
    assert inspect_blob(OsDisk(), place).is_whole
    Path(place).rename(blobs.files.path(blob_id))
    assert blobs.open(blob_id).read(0, 5) == b"bytes"
    blobs.delete(blob_id)
    with pytest.raises(FileNotFoundError):
        quarantine.isolate(blob_id, b"report")
