"""Listing the objects of a bucket, by prefix and delimiter.

Keys that have the delimiter after the prefix are rolled up: they show as one common prefix, up to
and including the delimiter. A page holds the first `limit` entries, keys and common prefixes
together, that are greater than where it starts, in byte order.

The cost of a page grows with what it returns and not with what it rolls up: where keys are rolled
up, the index is asked for the first one of each common prefix alone. Rows are read in slices, each
from a snapshot of its own, with a turn for others in between; a listing is as current as its
slices. Source: S3 API, ListObjectsV2; "Organizing objects using prefixes" in the S3 User Guide.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rucket.ports.index import GroupEnd, Table
from rucket.state.rows import OBJECT_SUMMARY, bucket_prefix, prefix_end

if TYPE_CHECKING:
    from rucket.model.records import ObjectSummary
    from rucket.ports.index import ReadSnapshot, Row
    from rucket.service.gateway import Gateway

ROWS_PER_SNAPSHOT_MAX = 1001  # a page, and the row that says that there is more
_ROWS_TO_LEARN_FROM = 32
_SLICE_GROWTH = 4


ListedObject = tuple[str, "ObjectSummary"]
"""The key of an object in a page, and what is shown of it. A page has a thousand of them: a plain
tuple is the cheapest thing to put them in.
"""


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


def _scan_some(scan: _PageScan, snapshot: ReadSnapshot) -> None:
    """As much as one snapshot is held for."""
    row_count = 0
    while not scan.is_complete and row_count + scan.slice_size <= ROWS_PER_SNAPSHOT_MAX:
        row_count += scan.slice_size
        scan.take(scan.read(snapshot))


@dataclass(slots=True)
class _PageScan:
    """A page in the making: where the scan is, and what has been found.

    Attributes:
        position: the least row key that may hold something not seen yet.
        stop: where the keys with the prefix end.
        slice_size: how many rows are read next.
    """

    query: ListingQuery
    position: bytes = b""
    stop: bytes = b""
    slice_size: int = ROWS_PER_SNAPSHOT_MAX
    is_complete: bool = False
    _key_start: int = 0
    _group_end: GroupEnd | None = None
    _skips: bool = False
    _objects: list[ListedObject] = field(default_factory=list)
    _common_prefixes: list[str] = field(default_factory=list)
    _last: str = ""
    _is_truncated: bool = False

    def __post_init__(self) -> None:
        bucket = bucket_prefix(self.query.bucket_id)
        start = bucket + self.query.prefix.encode()
        stop = prefix_end(start)
        assert stop is not None, "there are fewer buckets than numbers"
        self.position, self.stop = start, stop
        self._key_start = len(bucket)
        self.slice_size = min(self.query.limit + 1, ROWS_PER_SNAPSHOT_MAX)
        if self.query.delimiter:
            self._group_end = GroupEnd(self.query.delimiter.encode(), len(start))
            self._skips = True
            self.slice_size = min(self.slice_size, _ROWS_TO_LEARN_FROM)
        if self.query.after:
            after = bucket + self.query.after.encode()
            group = self._group(after)
            self.position = max(start, self._end_of_group(group) if group else after + b"\0")

    def read(self, snapshot: ReadSnapshot) -> list[Row]:
        """The next slice."""
        if self._group_end is None or not self._skips:
            return snapshot.scan(Table.OBJECTS, self.position, self.stop, self.slice_size)
        return snapshot.scan_groups(
            Table.OBJECTS, self.position, self.stop, self._group_end, self.slice_size
        )

    def take(self, rows: list[Row]) -> None:
        """Looks at the rows of a slice that began at `position`."""
        was_whole_slice = len(rows) == self.slice_size
        object_count = len(self._objects)
        if self._group_end is None:
            took_all = self._take_objects(rows)
        elif self._skips:
            took_all = self._take_first_of_groups(rows, self._group_end)
        else:
            took_all = self._take_grouped(rows)
        if not took_all:
            self._is_truncated = self.is_complete = True
            return
        self.is_complete = not was_whole_slice
        # Skipping costs a seek an entry, which pays where there is something to skip.
        self._skips = (len(self._objects) - object_count) * 2 < len(rows)
        wanted = self.query.limit - self._count() + 1
        self.slice_size = min(self.slice_size * _SLICE_GROWTH, wanted, ROWS_PER_SNAPSHOT_MAX)

    def _take_objects(self, rows: list[Row]) -> bool:
        """Every row is an entry. Says whether there was room for all."""
        room = self.query.limit - self._count()
        self._add_objects(rows[:room])
        return len(rows) <= room

    def _take_first_of_groups(self, rows: list[Row], group_end: GroupEnd) -> bool:
        """Each row is the first of what it is rolled up in, or an entry; where none is an entry,
        as is usual, all of them are taken at once. Says whether there was room for all.
        """
        mark, offset = group_end.mark, group_end.offset
        taken = rows[: self.query.limit - self._count()]
        ends = [row_key.find(mark, offset) for row_key, _ in taken]
        if not taken or min(ends) < 0:
            return self._take_grouped(rows)
        start, mark_size = self._key_start, len(mark)
        self._common_prefixes += [
            row_key[start : end + mark_size].decode()
            for (row_key, _), end in zip(taken, ends, strict=True)
        ]
        self._last = self._common_prefixes[-1]
        self.position = self._end_of_group(taken[-1][0][: ends[-1] + mark_size])
        return len(taken) == len(rows)

    def _take_grouped(self, rows: list[Row]) -> bool:
        """Rows may be rolled up. Says whether there was room for all."""
        row_number = 0
        while row_number < len(rows):
            if self._count() == self.query.limit:
                return False
            row_key, _ = rows[row_number]
            group = self._group(row_key)
            if group is None:
                self._add_objects(rows[row_number : row_number + 1])
                row_number += 1
                continue
            self._last = group[self._key_start :].decode()
            self._common_prefixes.append(self._last)
            self.position = self._end_of_group(group)
            row_number += 1
            if row_number < len(rows) and rows[row_number][0] < self.position:
                row_number = bisect.bisect_left(rows, self.position, row_number, key=_row_key)
        return True

    def page(self) -> ObjectPage:
        """What has been found."""
        next_after = self._last if self._is_truncated else None
        return ObjectPage(self._objects, self._common_prefixes, next_after)

    def _count(self) -> int:
        return len(self._objects) + len(self._common_prefixes)

    def _end_of_group(self, group: bytes) -> bytes:
        """The least row key behind those that are rolled up in `group`."""
        end = prefix_end(group)
        assert end is not None, "it ends in a delimiter, and those are text"
        return end

    def _group(self, row_key: bytes) -> bytes | None:
        """How the row keys begin that `row_key` is rolled up with; None if it isn't rolled up."""
        return None if self._group_end is None else self._group_end.group(row_key)

    def _add_objects(self, rows: list[Row]) -> None:
        if not rows:
            return
        keys = [row_key[self._key_start :].decode() for row_key, _ in rows]
        self._objects += zip(
            keys, OBJECT_SUMMARY.decode_all([value for _, value in rows]), strict=True
        )
        self._last = self._objects[-1][0]
        self.position = rows[-1][0] + b"\0"


def _row_key(row: Row) -> bytes:
    return row[0]
