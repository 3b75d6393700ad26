"""Listing the objects of a bucket, by prefix and delimiter.

Keys that have the delimiter after the prefix are rolled up: they show as one common prefix, up to
and including the delimiter. A page holds the first `limit` entries, keys and common prefixes
together, that are greater than where it starts, in byte order.

The cost of a page grows with what it returns and not with what it rolls up: once a common prefix
is known, the scan goes on behind its last key. Rows are read in slices, each from a snapshot of its
own, with a turn for others in between; a listing is as current as its slices. Source: S3 API,
ListObjectsV2; "Organizing objects using prefixes" in the S3 User Guide.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rucket.ports.index import Table
from rucket.state.rows import OBJECT, bucket_prefix, prefix_end

if TYPE_CHECKING:
    from rucket.model.records import ObjectMetadata
    from rucket.ports.index import Row, Snapshot
    from rucket.service.gateway import Gateway

ROWS_PER_SNAPSHOT_MAX = 1000
SEEKS_PER_SNAPSHOT_MAX = 100
_ROWS_PER_SLICE_MIN = 2
_SLICE_GROWTH = 4


@dataclass(frozen=True, slots=True)
class ListedObject:
    """An object in a page."""

    key: str
    metadata: ObjectMetadata


@dataclass(frozen=True, slots=True)
class ObjectPage:
    """A page of a listing.

    Attributes:
        objects: in order.
        common_prefixes: in order.
        next_after: what the next page starts after, the last key or common prefix of this one;
            None on the last page.
    """

    objects: list[ListedObject]
    common_prefixes: list[str]
    next_after: str | None

    @property
    def is_truncated(self) -> bool:
        """Whether there is more."""
        return self.next_after is not None


@dataclass(frozen=True, slots=True)
class ListingQuery:
    """What to list.

    Attributes:
        bucket_id: of which bucket.
        prefix: of the keys; empty for all.
        delimiter: what ends a common prefix; empty for none.
        after: only keys and common prefixes greater than this one; empty for all.
        limit: how many of both at most; 0 is an empty page that isn't truncated.
    """

    bucket_id: int
    prefix: str = ""
    delimiter: str = ""
    after: str = ""
    limit: int = 1000


async def list_objects(gateway: Gateway, query: ListingQuery) -> ObjectPage:
    """A page of the objects of a bucket."""
    scan = _PageScan(query)
    if query.limit == 0:
        return scan.page()
    while True:
        with gateway.index.snapshot() as snapshot:
            _scan_some(scan, snapshot)
        if scan.is_complete:
            return scan.page()
        await gateway.tasks.sleep(0)


def _scan_some(scan: _PageScan, snapshot: Snapshot) -> None:
    """As much as one snapshot is held for."""
    row_count = seek_count = 0
    while (
        not scan.is_complete
        and row_count + scan.slice_size <= ROWS_PER_SNAPSHOT_MAX
        and seek_count < SEEKS_PER_SNAPSHOT_MAX
    ):
        rows = snapshot.scan(Table.OBJECTS, scan.position, scan.stop, scan.slice_size)
        row_count += len(rows)
        seek_count += 1
        scan.take(rows)


@dataclass(slots=True)
class _PageScan:
    """A page in the making: where the scan is, and what has been found.

    Attributes:
        position: the least row key that may hold something not seen yet.
        stop: where the keys with the prefix end; None for the end of the table.
    """

    query: ListingQuery
    position: bytes = b""
    stop: bytes | None = None
    slice_size: int = ROWS_PER_SNAPSHOT_MAX
    is_complete: bool = False
    _key_start: int = 0
    _delimiter: bytes = b""
    _delimiter_start: int = 0
    _objects: list[ListedObject] = field(default_factory=list)
    _common_prefixes: list[str] = field(default_factory=list)
    _last: str = ""
    _is_truncated: bool = False

    def __post_init__(self) -> None:
        bucket = bucket_prefix(self.query.bucket_id)
        start = bucket + self.query.prefix.encode()
        self.stop = prefix_end(start)
        self._key_start = len(bucket)
        self._delimiter = self.query.delimiter.encode()
        self._delimiter_start = len(start)
        self.position = start
        if self.query.after:
            after = bucket + self.query.after.encode()
            self.position = max(start, self._end_of_group(after) or after + b"\0")
        self.slice_size = min(self.query.limit + 1, ROWS_PER_SNAPSHOT_MAX)
        if self._delimiter:
            self.slice_size = min(self.slice_size, _ROWS_PER_SLICE_MIN)

    def take(self, rows: list[Row]) -> None:
        """Looks at the rows of a slice that began at `position`."""
        was_whole_slice = len(rows) == self.slice_size
        row_number, count_before = 0, self._count()
        while row_number < len(rows):
            row_key, value = rows[row_number]
            group_end = self._end_of_group(row_key)
            if self._count() == self.query.limit:
                self._is_truncated = self.is_complete = True
                return
            if group_end is None:
                self._add_object(row_key, value)
                row_number += 1
            else:
                self._add_common_prefix(row_key)
                row_number = bisect.bisect_left(rows, group_end, row_number, key=_row_key)
                self.position = group_end
        self.is_complete = not was_whole_slice
        self._adapt_slice_size(len(rows), self._count() - count_before)

    def page(self) -> ObjectPage:
        """What has been found."""
        next_after = self._last if self._is_truncated else None
        return ObjectPage(self._objects, self._common_prefixes, next_after)

    def _count(self) -> int:
        return len(self._objects) + len(self._common_prefixes)

    def _end_of_group(self, row_key: bytes) -> bytes | None:
        """The least row key behind those that are rolled up with `row_key`.

        None for a key that isn't rolled up.
        """
        group = self._group(row_key)
        return None if group is None else prefix_end(group)

    def _group(self, row_key: bytes) -> bytes | None:
        if not self._delimiter:
            return None
        found = row_key.find(self._delimiter, self._delimiter_start)
        return None if found < 0 else row_key[: found + len(self._delimiter)]

    def _add_object(self, row_key: bytes, value: bytes) -> None:
        self._last = row_key[self._key_start :].decode()
        self._objects.append(ListedObject(self._last, OBJECT.decode(value)))
        self.position = row_key + b"\0"

    def _add_common_prefix(self, row_key: bytes) -> None:
        group = self._group(row_key)
        assert group is not None
        self._last = group[self._key_start :].decode()
        self._common_prefixes.append(self._last)

    def _adapt_slice_size(self, row_count: int, entry_count: int) -> None:
        """Grows while rows become entries, shrinks where most of a slice was rolled up."""
        if entry_count * 2 >= row_count:
            self.slice_size = min(self.slice_size * _SLICE_GROWTH, ROWS_PER_SNAPSHOT_MAX)
        else:
            self.slice_size = max(self.slice_size // _SLICE_GROWTH, _ROWS_PER_SLICE_MIN)
        wanted = self.query.limit - self._count() + 1
        self.slice_size = max(min(self.slice_size, wanted), 1)


def _row_key(row: Row) -> bytes:
    return row[0]
