"""Listing the parts of an upload, and the uploads that are pending in a bucket.

Uploads are in the order of their keys, and those of one key in the order of their creation. Keys
that have the delimiter after the prefix are rolled up into a common prefix, and the scan goes on
behind the last of them. Rows are read in slices, each from a snapshot of its own. Source: S3 API
Reference, ListParts and ListMultipartUploads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rucket.ports.index import Table
from rucket.service.multipart import PART_NUMBER_MAX, UploadName, pending_upload
from rucket.state.rows import (
    PART,
    UPLOAD,
    bucket_prefix,
    key_of_upload_row,
    ordered,
    part_number_of_row,
    part_row_key,
    prefix_end,
    upload_row_key,
)

if TYPE_CHECKING:
    from rucket.model.records import MultipartUpload, Part
    from rucket.ports.index import Row, Snapshot
    from rucket.service.gateway import Gateway

_ROWS_PER_SNAPSHOT_MAX = 1000
_ROWS_PER_SLICE_WITH_DELIMITER = 32
_ORDERED_END_SIZE_BYTES = len(ordered(""))


@dataclass(frozen=True, slots=True)
class PartPage:
    """Some parts of an upload, by number."""

    parts: list[tuple[int, Part]]
    is_truncated: bool


@dataclass(frozen=True, slots=True)
class UploadQuery:
    """What to list.

    Attributes:
        prefix: of the keys; empty for all.
        delimiter: what ends a common prefix; empty for none.
        key_marker: only keys and common prefixes greater than this one; empty for all.
        upload_id_marker: with a key marker, also uploads of that key greater than this one.
        limit: how many uploads and common prefixes at most.
    """

    bucket_id: int
    prefix: str = ""
    delimiter: str = ""
    key_marker: str = ""
    upload_id_marker: bytes | None = None
    limit: int = 1000


@dataclass(frozen=True, slots=True)
class ListedUpload:
    """An upload in a page."""

    key: str
    upload: MultipartUpload


@dataclass(frozen=True, slots=True)
class UploadPage:
    """A page of a listing; the markers of the next one are empty on the last page."""

    uploads: list[ListedUpload]
    common_prefixes: list[str]
    is_truncated: bool
    next_key_marker: str = ""
    next_upload_id_marker: bytes = b""


def list_parts(
    snapshot: Snapshot, name: UploadName, *, after: int, limit: int
) -> tuple[MultipartUpload, PartPage]:
    """The upload and its first `limit` parts with greater numbers than `after`.

    Raises:
        NoSuchUpload: it has ended, or never was.
    """
    upload = pending_upload(snapshot, name)
    if limit == 0 or after >= PART_NUMBER_MAX:
        return upload, PartPage([], is_truncated=False)
    start = part_row_key(name.upload_id, after + 1)
    rows = snapshot.scan(Table.PARTS, start, prefix_end(name.upload_id), limit + 1)
    parts = [(part_number_of_row(row_key), PART.decode(value)) for row_key, value in rows[:limit]]
    return upload, PartPage(parts, is_truncated=len(rows) > limit)


async def list_uploads(gateway: Gateway, query: UploadQuery) -> UploadPage:
    """A page of the pending uploads of a bucket."""
    scan = _UploadScan(query)
    while not scan.is_complete:
        with gateway.index.snapshot() as snapshot:
            scan.take(snapshot.scan(Table.UPLOADS, scan.position, scan.stop, scan.slice_size))
        await gateway.tasks.sleep(0)
    return scan.page()


class _UploadScan:
    """A page in the making: where the scan is, and what has been found."""

    def __init__(self, query: UploadQuery) -> None:
        self._query = query
        self._bucket = bucket_prefix(query.bucket_id)
        self._uploads: list[ListedUpload] = []
        self._common_prefixes: list[str] = []
        self._next = ("", b"")
        self._is_truncated = False
        start = self._keys_beginning_with(query.prefix)
        self.stop = prefix_end(start)
        self.position = max(start, self._after_markers())
        self.is_complete = query.limit == 0
        self.slice_size = min(query.limit + 1, _ROWS_PER_SNAPSHOT_MAX)
        if query.delimiter:
            self.slice_size = min(self.slice_size, _ROWS_PER_SLICE_WITH_DELIMITER)

    def take(self, rows: list[Row]) -> None:
        """Looks at the rows of a slice that began at `position`."""
        self.is_complete = len(rows) < self.slice_size
        for row_key, value in rows:
            if row_key < self.position:  # rolled up
                continue
            if len(self._uploads) + len(self._common_prefixes) == self._query.limit:
                self.is_complete = self._is_truncated = True
                return
            key, upload_id = key_of_upload_row(row_key)
            group = self._group(key)
            if group is None:
                self._uploads.append(ListedUpload(key, UPLOAD.decode(value)))
                self._next = (key, upload_id)
                self.position = row_key + b"\0"
            else:
                self._common_prefixes.append(group)
                self._next = (group, b"")
                self.position = self._end_of_keys_beginning_with(group)

    def page(self) -> UploadPage:
        """What has been found."""
        next_key, next_upload_id = self._next if self._is_truncated else ("", b"")
        return UploadPage(
            self._uploads, self._common_prefixes, self._is_truncated, next_key, next_upload_id
        )

    def _after_markers(self) -> bytes:
        marker = self._query.key_marker
        if not marker:
            return b""
        group = self._group(marker)
        if group is not None:
            return self._end_of_keys_beginning_with(group)
        upload_id = self._query.upload_id_marker
        if upload_id is None:
            return _end_of(self._bucket + ordered(marker))
        return upload_row_key(self._query.bucket_id, marker, upload_id) + b"\0"

    def _group(self, key: str) -> str | None:
        """The common prefix that a key is rolled up into."""
        delimiter, prefix = self._query.delimiter, self._query.prefix
        if not delimiter or not key.startswith(prefix):
            return None
        found = key.find(delimiter, len(prefix))
        return None if found < 0 else key[: found + len(delimiter)]

    def _keys_beginning_with(self, prefix: str) -> bytes:
        return self._bucket + ordered(prefix)[:-_ORDERED_END_SIZE_BYTES]

    def _end_of_keys_beginning_with(self, prefix: str) -> bytes:
        return _end_of(self._keys_beginning_with(prefix))


def _end_of(prefix: bytes) -> bytes:
    end = prefix_end(prefix)
    assert end is not None, "no bucket id is all ones"
    return end
