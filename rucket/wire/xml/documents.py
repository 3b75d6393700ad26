"""What the response documents say, as plain values; ``rucket.wire.xml.writer`` renders them.

ETags are without quotes, times are milliseconds since the epoch, keys are text as the client gave
it. ``url_encoded`` answers ``encoding-type=url``. A None is left out of the document. Source: S3
API Reference, the page of each operation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rucket.model.records import Checksum, ObjectSummary


@dataclass(frozen=True, slots=True)
class Owner:
    """A user, as documents show one."""

    canonical_id: str
    display_name: str


@dataclass(frozen=True, slots=True)
class BucketEntry:
    """A bucket in a list of buckets."""

    name: str
    created_ms: int
    region: str = ""


@dataclass(frozen=True, slots=True)
class ListAllMyBucketsResult:
    """The answer of ListBuckets. ``prefix`` and ``continuation_token`` (of the next page)."""

    owner: Owner
    buckets: Sequence[BucketEntry]
    prefix: str | None = None
    continuation_token: str | None = None


ObjectEntry = tuple[str, "ObjectSummary"]
"""An object in a listing: its key, and its metadata as the index has it."""


@dataclass(frozen=True, slots=True)
class ListBucketResult:
    """The answer of ListObjects, version 1.

    ``next_marker`` is given only when the listing is truncated and has a delimiter. ``owners`` are
    those to show, by canonical id.
    """

    bucket: str
    prefix: str
    marker: str
    delimiter: str
    max_keys: int
    is_truncated: bool
    entries: Sequence[ObjectEntry]
    common_prefixes: Sequence[str] = ()
    next_marker: str | None = None
    owners: Mapping[str, Owner] = field(default_factory=dict)
    url_encoded: bool = False


@dataclass(frozen=True, slots=True)
class ListBucketResultV2:
    """The answer of ListObjectsV2; KeyCount is counted by the writer. ``owners`` as above."""

    bucket: str
    prefix: str
    delimiter: str
    max_keys: int
    is_truncated: bool
    entries: Sequence[ObjectEntry]
    common_prefixes: Sequence[str] = ()
    continuation_token: str | None = None
    next_continuation_token: str | None = None
    start_after: str | None = None
    owners: Mapping[str, Owner] = field(default_factory=dict)
    url_encoded: bool = False


@dataclass(frozen=True, slots=True)
class DeletedObject:
    """A key that DeleteObjects deleted, or that wasn't there."""

    key: str
    version_id: str | None = None
    is_delete_marker: bool = False
    delete_marker_version_id: str | None = None


@dataclass(frozen=True, slots=True)
class DeleteFailure:
    """A key that DeleteObjects could not delete."""

    key: str
    code: str
    message: str
    version_id: str | None = None


@dataclass(frozen=True, slots=True)
class DeleteResult:
    """The answer of DeleteObjects; the caller leaves ``deleted`` empty when asked to be quiet."""

    deleted: Sequence[DeletedObject]
    failures: Sequence[DeleteFailure] = ()


@dataclass(frozen=True, slots=True)
class CopyResult:
    """The answer of CopyObject and of UploadPartCopy."""

    etag: str
    last_modified_ms: int
    checksum: Checksum | None = None


@dataclass(frozen=True, slots=True)
class InitiateMultipartUploadResult:
    """The answer of CreateMultipartUpload."""

    bucket: str
    key: str
    upload_id: str


@dataclass(frozen=True, slots=True)
class CompleteMultipartUploadResult:
    """The answer of CompleteMultipartUpload; ``location`` is the object's URL."""

    location: str
    bucket: str
    key: str
    etag: str
    checksum: Checksum | None = None


@dataclass(frozen=True, slots=True)
class PartEntry:
    """A part in a list of parts."""

    part_number: int
    last_modified_ms: int
    etag: str
    size_bytes: int
    checksum: Checksum | None = None


@dataclass(frozen=True, slots=True)
class ListPartsResult:
    """The answer of ListParts; ``next_part_number_marker`` is the last part's number."""

    bucket: str
    key: str
    upload_id: str
    initiator: Owner
    owner: Owner
    part_number_marker: int
    next_part_number_marker: int
    max_parts: int
    is_truncated: bool
    parts: Sequence[PartEntry]
    storage_class: str = "STANDARD"
    checksum_algorithm: str = ""
    checksum_type: str = ""


@dataclass(frozen=True, slots=True)
class UploadEntry:
    """An upload in a list of uploads."""

    key: str
    upload_id: str
    initiator: Owner
    owner: Owner
    initiated_ms: int
    storage_class: str = "STANDARD"
    checksum_algorithm: str = ""
    checksum_type: str = ""


@dataclass(frozen=True, slots=True)
class ListMultipartUploadsResult:
    """The answer of ListMultipartUploads."""

    bucket: str
    prefix: str
    delimiter: str
    key_marker: str
    upload_id_marker: str
    max_uploads: int
    is_truncated: bool
    uploads: Sequence[UploadEntry]
    common_prefixes: Sequence[str] = ()
    next_key_marker: str = ""
    next_upload_id_marker: str = ""
    url_encoded: bool = False
