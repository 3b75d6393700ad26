"""Counting again what `apply` keeps counters of. Pure; as slow as there are rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.model.records import BucketStatistics
from rucket.ports.index import Table
from rucket.state.rows import OBJECT, bucket_prefix, prefix_end

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rucket.ports.index import Row, Snapshot

_ROWS_PER_SCAN = 1000


def all_rows(snapshot: Snapshot, table: Table, prefix: bytes = b"") -> Iterator[Row]:
    """The rows of a table whose keys begin with `prefix`.

    Raises:
        CorruptionError: one of them isn't what was written.
    """
    position, stop = prefix, prefix_end(prefix)
    while rows := snapshot.scan(table, position, stop, _ROWS_PER_SCAN):
        yield from rows
        position = rows[-1][0] + b"\0"


def recount_bucket(snapshot: Snapshot, bucket_id: int) -> BucketStatistics:
    """What the counters of a bucket have to be.

    Raises:
        CorruptionError: a row isn't what was written.
    """
    prefix = bucket_prefix(bucket_id)
    object_count = size_bytes = 0
    for _, value in all_rows(snapshot, Table.OBJECTS, prefix):
        object_count += 1
        size_bytes += OBJECT.decode(value).size_bytes
    upload_count = sum(1 for _ in all_rows(snapshot, Table.UPLOADS, prefix))
    return BucketStatistics(object_count, size_bytes, upload_count)
