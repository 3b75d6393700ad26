"""The values that rows of the index and commands of the log are made of.

They are frozen `msgspec` structs rather than dataclasses because they *are* the encoding: each is a
MessagePack array in the order of its fields. A field may only ever be added at the end, with a
default; readers skip fields they don't know and fill in those an older writer left out. A change
of meaning takes a new format_version of the row (`rucket.state.rows`).
`docs/on_disk_format.md` lists them; `tests/golden/` holds their bytes.

Times are HLC stamps as u64 (`rucket.model.hlc`); the Last-Modified of S3 is their physical part.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What a decoder of msgspec raises for bytes that it can't read: text that isn't UTF-8 and nesting
without end have errors of their own."""

Id = Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
"""An id that keys of rows begin with: were one the beginning of another, their rows would mix."""

BucketNumber = Annotated[int, msgspec.Meta(ge=0)]
"""A bucket id: a u64 in the keys of rows."""

PartNumber = Annotated[int, msgspec.Meta(ge=0, le=2**16 - 1)]
"""A u16 in the keys of rows."""

SizeBytes = Annotated[int, msgspec.Meta(ge=0, le=2**48)]
"""A size that a bucket's counter can add up tens of thousands of times."""


class Record(msgspec.Struct, frozen=True, array_like=True, omit_defaults=False):
    """Base of all values with an encoding."""


class Extent(Record, frozen=True):
    """A run of an object's bytes: `size_bytes` bytes of the blob, from byte `offset` on."""

    blob_id: bytes
    size_bytes: int
    offset: int = 0


class Content(Record, frozen=True):
    """Where the bytes of an object or part are: in the row itself, or in blobs, in order."""

    inline: bytes | None = None
    extents: tuple[Extent, ...] = ()


class Checksum(Record, frozen=True):
    """An S3 object checksum: algorithm and type by their S3 names, the value as base64."""

    algorithm: str
    value: str
    type: str = "FULL_OBJECT"


class PartSummary(Record, frozen=True):
    """What stays known of a part once its upload is complete.

    `stream_id` is 16 bytes in an encrypted object whose parts are a stream of chunks each
    (`rucket.model.encryption`), else empty.
    """

    part_number: int
    size_bytes: int
    checksum: Checksum | None = None
    stream_id: bytes = b""


class Retention(Record, frozen=True):
    """Object lock: ``GOVERNANCE`` or ``COMPLIANCE`` until a moment."""

    mode: str
    retain_until_ms: int


class ReplicationStatus(Record, frozen=True):
    """How far an object is on its way to other regions: ``none``, ``pending``, ``replicated`` or
    ``failed``.
    """

    state: str = "none"
    regions: tuple[str, ...] = ()
    hlc: int = 0
    reason: str = ""


class ObjectMetadata(Record, frozen=True):
    """One version of an object, without its bucket and key (they are the row's key) and without
    its content (`Content`, the row's attachment). Sizes and entity tag are the plaintext's;
    `encryption` is None where the content is, too (`rucket.model.encryption`).
    """

    version_id: bytes
    hlc: int
    size_bytes: SizeBytes
    etag: str
    owner_id: str
    content_headers: dict[str, str] = {}
    user_metadata: dict[str, str] = {}
    checksum: Checksum | None = None
    parts: tuple[PartSummary, ...] = ()
    storage_class: str = "STANDARD"
    tags: dict[str, str] = {}
    acl: bytes | None = None
    retention: Retention | None = None
    legal_hold: bool = False
    encryption: bytes | None = None
    placement_group: int = 0
    home_region: str = ""
    replication_status: ReplicationStatus = ReplicationStatus()
    is_delete_marker: bool = False
    is_null_version: bool = True


class ObjectSummary(Record, frozen=True, gc=False):
    """What listings show of an `ObjectMetadata`. It is decoded from the same bytes: its fields are
    the first ones of that record, and what isn't shown is skipped, which halves the time.
    """

    version_id: msgspec.Raw
    hlc: int
    size_bytes: SizeBytes
    etag: str
    owner_id: str
    content_headers: msgspec.Raw = msgspec.Raw()
    user_metadata: msgspec.Raw = msgspec.Raw()
    checksum: Checksum | None = None
    parts: msgspec.Raw = msgspec.Raw()
    storage_class: str = "STANDARD"


class BucketInfo(Record, frozen=True):
    """A bucket. `configurations` holds the S3 documents (policy, cors, lifecycle …) by name."""

    bucket_id: int
    name: str
    owner_id: str
    created_hlc: int
    location: str
    home_region: str = ""
    versioning: str = ""
    configurations: dict[str, bytes] = {}


class BucketStatistics(Record, frozen=True):
    """Exact counters of a bucket, kept by `apply`."""

    object_count: int = 0
    size_bytes: int = 0
    upload_count: int = 0


class MultipartUpload(Record, frozen=True):
    """An upload that has been created and neither completed nor aborted.

    `template` is what the object will be; its size, etag and stamp are filled in at the end.
    """

    upload_id: bytes
    initiated_hlc: int
    initiator_id: str
    template: ObjectMetadata
    checksum_algorithm: str = ""
    checksum_type: str = ""


class Part(Record, frozen=True):
    """An uploaded part; its content is the row's attachment. `stream_id`: see `PartSummary`."""

    hlc: int
    size_bytes: SizeBytes
    etag: str
    checksum: Checksum | None = None
    version_id: bytes = b""
    stream_id: bytes = b""


class CompletedUpload(Record, frozen=True):
    """What a repeated CompleteMultipartUpload is answered with.

    `parts_digest` stands for the request's list of parts: only the same request gets this answer.
    """

    bucket_id: int
    key: str
    parts_digest: bytes
    version_id: bytes
    etag: str
    hlc: int
    checksum: Checksum | None = None
    is_encrypted: bool = False


class User(Record, frozen=True):
    """Somebody who signs requests."""

    name: str
    canonical_id: str
    display_name: str
    email: str = ""
    created_hlc: int = 0


class AccessKey(Record, frozen=True):
    """An access key. `sealed_secret` is ciphertext (`rucket.service.users` opens it)."""

    access_key_id: str
    user_name: str
    sealed_secret: bytes
    created_hlc: int = 0
