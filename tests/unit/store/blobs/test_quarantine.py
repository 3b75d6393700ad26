"""Moving damaged blobs out of reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rucket.disk.os_disk import OsDisk
from rucket.model.names import BlobId
from rucket.store.blobs.file_blobs import FileBlobs
from rucket.store.blobs.quarantine import FileQuarantine

if TYPE_CHECKING:
    from pathlib import Path

BLOB_ID = BlobId(bytes(range(16)))


@pytest.fixture
def blobs(tmp_path: Path) -> FileBlobs:
    """Blobs, one of them with some bytes."""
    blobs = FileBlobs(OsDisk(), str(tmp_path / "blobs"))
    blobs.prepare()
    writer = blobs.create(BLOB_ID, None)
    writer.write(b"bytes")
    writer.finish()
    return blobs


@pytest.fixture
def quarantine(tmp_path: Path, blobs: FileBlobs) -> FileQuarantine:
    """An empty one."""
    return FileQuarantine(OsDisk(), blobs, str(tmp_path / "quarantine"))


def test_a_blob_in_quarantine_is_gone_for_readers(
    tmp_path: Path, blobs: FileBlobs, quarantine: FileQuarantine
) -> None:
    """Its file is as it was, and the report lies beside it."""
    content = (tmp_path / "blobs/00" / BLOB_ID.hex()).read_bytes()
    assert not quarantine.holds(BLOB_ID)

    place = quarantine.isolate(BLOB_ID, b"report")

    assert place == str(tmp_path / "quarantine" / BLOB_ID.hex())
    assert (tmp_path / "quarantine" / BLOB_ID.hex()).read_bytes() == content
    assert (tmp_path / "quarantine" / f"{BLOB_ID.hex()}.json").read_bytes() == b"report"
    assert quarantine.holds(BLOB_ID)
    with pytest.raises(FileNotFoundError):
        blobs.open(BLOB_ID)


def test_a_report_that_a_crash_left_is_replaced(tmp_path: Path, quarantine: FileQuarantine) -> None:
    """The move goes on as if nothing had happened."""
    report = tmp_path / "quarantine" / f"{BLOB_ID.hex()}.json"
    report.parent.mkdir()
    report.write_bytes(b"an earlier one")

    quarantine.isolate(BLOB_ID, b"report")

    assert report.read_bytes() == b"report"


def test_a_blob_that_is_gone_leaves_no_report(
    tmp_path: Path, blobs: FileBlobs, quarantine: FileQuarantine
) -> None:
    """Garbage may be removed at any moment."""
    blobs.delete(BLOB_ID)

    with pytest.raises(FileNotFoundError):
        quarantine.isolate(BLOB_ID, b"report")
    assert list((tmp_path / "quarantine").iterdir()) == []
