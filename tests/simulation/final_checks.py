"""What must be true of the rows and the blobs when nothing is going on any more."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rucket.model.names import BlobId
from rucket.model.records import BucketStatistics
from rucket.ports.index import Table
from rucket.service.garbage import collect_garbage, remove_orphans
from rucket.state.rows import (
    BUCKET,
    CONTENT,
    OBJECT,
    bucket_prefix,
    find_statistics,
    prefix_end,
    reference_count,
)
from tests.simulator.errors import SimulationError

if TYPE_CHECKING:
    from rucket.model.records import Content
    from rucket.ports.blobs import Blobs
    from rucket.ports.index import Snapshot
    from rucket.service.gateway import Gateway

_ROW_COUNT_MAX = 100_000


class RowsDisagreeError(SimulationError):
    """Rows contradict each other, or the blobs."""


def check_rows(gateway: Gateway) -> None:
    """Recounts what the rows say, and opens every blob they name.

    Raises:
        RowsDisagreeError: something doesn't fit.
    """
    with gateway.index.snapshot() as snapshot:
        for _, value in snapshot.scan(Table.BUCKETS, b"", None, _ROW_COUNT_MAX):
            _check_statistics(snapshot, BUCKET.decode(value).bucket_id)
        needed = _needed_blobs(snapshot)
        counted = {
            key: reference_count(snapshot, key)
            for key, _ in snapshot.scan(Table.BLOB_REFERENCES, b"", None, _ROW_COUNT_MAX)
        }
        garbage = [key for key, _ in snapshot.scan(Table.GARBAGE, b"", None, _ROW_COUNT_MAX)]
    if counted != {blob_id: count for blob_id, (count, _) in needed.items()}:
        raise RowsDisagreeError("the reference counts aren't what the rows' extents add up to")
    if any(blob_id in needed for blob_id in garbage):
        raise RowsDisagreeError("a blob is needed and on the list of garbage")
    for blob_id, (_, size_bytes) in needed.items():
        _check_blob(gateway.blobs, BlobId(blob_id), size_bytes)


def _check_statistics(snapshot: Snapshot, bucket_id: int) -> None:
    prefix = bucket_prefix(bucket_id)
    end = prefix_end(prefix)
    objects = [
        OBJECT.decode(value)
        for _, value in snapshot.scan(Table.OBJECTS, prefix, end, _ROW_COUNT_MAX)
    ]
    uploads = snapshot.scan(Table.UPLOADS, prefix, end, _ROW_COUNT_MAX)
    recounted = BucketStatistics(
        len(objects), sum(known.size_bytes for known in objects), len(uploads)
    )
    if find_statistics(snapshot, bucket_id) != recounted:
        raise RowsDisagreeError(f"bucket {bucket_id} holds {recounted}, and says otherwise")


def _needed_blobs(snapshot: Snapshot) -> dict[bytes, tuple[int, int]]:
    """For each blob that a row names how many extents do, and how long it has to be."""
    counts: Counter[bytes] = Counter()
    sizes: dict[bytes, int] = {}
    for content in _contents(snapshot):
        for extent in content.extents:
            counts[extent.blob_id] += 1
            end = extent.offset + extent.size_bytes
            sizes[extent.blob_id] = max(end, sizes.get(extent.blob_id, 0))
    return {blob_id: (counts[blob_id], sizes[blob_id]) for blob_id in counts}


def _contents(snapshot: Snapshot) -> list[Content]:
    contents = []
    for table in (Table.OBJECTS, Table.PARTS):
        for key, _ in snapshot.scan(table, b"", None, _ROW_COUNT_MAX):
            row = snapshot.get_with_attachment(table, key)
            assert row is not None
            contents.append(CONTENT.decode(row[1]))
    return contents


def _check_blob(blobs: Blobs, blob_id: BlobId, size_bytes: int) -> None:
    try:
        reader = blobs.open(blob_id)
    except FileNotFoundError as error:
        raise RowsDisagreeError(f"blob {blob_id.hex()} is needed and not there") from error
    try:
        if reader.size_bytes < size_bytes:
            raise RowsDisagreeError(f"blob {blob_id.hex()} is too short")
        reader.read(0, reader.size_bytes)
    finally:
        reader.close()


async def check_that_nothing_is_left_over(gateway: Gateway) -> None:
    """Has garbage and orphans removed, at a time when all orphans are old enough; then the blobs on
    disk are those the rows name.

    Raises:
        RowsDisagreeError: there are others.
    """
    while await collect_garbage(gateway):
        pass
    await remove_orphans(gateway)
    await gateway.tasks.run_blocking(check_rows, gateway)
    listed = await gateway.tasks.run_blocking(gateway.blobs.list_ids, None, _ROW_COUNT_MAX)
    on_disk = [blob_id for blob_id, _ in listed]
    with gateway.index.snapshot() as snapshot:
        needed = sorted(_needed_blobs(snapshot))
    if on_disk != needed:
        raise RowsDisagreeError(f"{len(on_disk)} blobs are on disk, {len(needed)} are needed")
