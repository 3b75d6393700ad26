"""Checking the blobs of a stopped server: every one that rows name, and what nobody names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rucket.daemon.offline_report import Area
from rucket.model.errors import DeviceUnavailableError, OperatingError
from rucket.model.names import BlobId
from rucket.service.blob_scrubbing import verify_blob

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rucket.daemon.offline_index_check import IndexCheck
    from rucket.daemon.offline_report import Progress, VerifyReport
    from rucket.ports.blobs import Blobs

_IDS_PER_LIST: Final = 1000


def check_blobs(blobs: Blobs, index: IndexCheck, report: VerifyReport, progress: Progress) -> None:
    """Reads every blob that a row names, whole."""
    named = sorted(index.references.keys() | index.reference_rows.keys())
    size_bytes = 0
    for done, blob_id in enumerate(named, start=1):
        size_bytes += _check_blob(blobs, BlobId(blob_id), index, report)
        progress("blobs", done, len(named))
    orphans = garbage = 0
    for blob_id in _stored_ids(blobs, report):
        if blob_id in index.garbage:
            garbage += 1
        elif blob_id not in index.references and blob_id not in index.reference_rows:
            orphans += 1
    figures = {"blobs": len(named), "bytes": size_bytes, "garbage": garbage, "orphans": orphans}
    report.figures["blobs"] = figures
    if orphans and index.is_whole:
        report.notes.append(f"{orphans} blobs belong to no object; the server will remove them")


def _check_blob(blobs: Blobs, blob_id: BlobId, index: IndexCheck, report: VerifyReport) -> int:
    """How many of its bytes are as they were written."""
    what = f"blob {blob_id.hex()}"
    try:
        reader = blobs.open(blob_id)
        try:
            verify_blob(reader, 0, reader.size_bytes)
            size_bytes = reader.size_bytes
        finally:
            reader.close()
    except FileNotFoundError:
        report.add(Area.BLOBS, what, "it is missing")
        return 0
    except DeviceUnavailableError:
        return 0  # all of its device is lost, which has been said
    except OperatingError as error:
        report.add(Area.BLOBS, what, str(error))
        return 0
    needed = index.needed_size_bytes.get(blob_id, 0)
    if size_bytes < needed:
        report.add(Area.BLOBS, what, f"it has {size_bytes} bytes, an object needs {needed}")
    return size_bytes


def _stored_ids(blobs: Blobs, report: VerifyReport) -> Iterator[BlobId]:
    after: BlobId | None = None
    try:
        while found := blobs.list_ids(after, _IDS_PER_LIST):
            yield from (blob_id for blob_id, _ in found)
            after = found[-1][0]
    except FileNotFoundError as error:
        report.notes.append(f"a directory of blobs is missing; the server makes it again: {error}")
