"""The rows of the index: how their keys are built and their values encoded.

| table             | key                                      | value (attachment)           |
|-------------------|------------------------------------------|------------------------------|
| META              | a name                                   | see `APPLIED`, …             |
| BUCKETS           | name                                     | BucketInfo                   |
| BUCKETS_BY_OWNER  | ordered(owner id), name                  | empty                        |
| BUCKET_STATISTICS | bucket id                                | BucketStatistics             |
| OBJECTS           | bucket id, key                           | ObjectMetadata (Content)     |
| UPLOADS           | bucket id, ordered(key), upload id       | MultipartUpload              |
| PARTS             | upload id, part number                   | Part (Content)               |
| COMPLETED_UPLOADS | upload id                                | CompletedUpload              |
| BLOB_REFERENCES   | blob id                                  | how many rows name it (u32)  |
| GARBAGE           | blob id                                  | since when (hlc, u64)        |
| USERS             | name                                     | User                         |
| USER_ATTRIBUTES   | ordered(attribute), the attribute's text | user name                    |
| ACCESS_KEYS       | access key id                            | AccessKey                    |
| OUTCOMES          | sequence number (u64)                    | see below                    |
|                   | FF, sequence number (u64)                | 02: it changed nothing       |

Numbers in keys are big-endian, so that byte order is their order; bucket ids are u64, part numbers
u16. A value is one byte of format_version, then MessagePack. OUTCOMES: one byte of format_version
(2), the commit id (16 bytes), then the outcome as MessagePack (`rucket.state.outcomes`).
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from rucket.model.errors import CorruptionError, UnknownFormatError
from rucket.model.records import (
    UNDECODABLE,
    AccessKey,
    BucketInfo,
    BucketStatistics,
    CompletedUpload,
    Content,
    MultipartUpload,
    ObjectMetadata,
    ObjectSummary,
    Part,
    User,
)
from rucket.ports.index import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rucket.ports.index import Snapshot, Transaction

ROW_FORMAT_VERSION = 1
_REMEMBERED_BUCKETS_MAX = 64
_PREFIX = bytes([ROW_FORMAT_VERSION])
_U16 = struct.Struct(">H")
_U32 = struct.Struct(">I")
_U64 = struct.Struct(">Q")
_APPLIED_VALUE = struct.Struct(">QQ")

APPLIED = b"applied"
NEXT_BUCKET_ID = b"next_bucket_id"

_encoder = msgspec.msgpack.Encoder()
T = TypeVar("T")


class _Codec(Generic[T]):
    """Encodes and decodes the values of one table."""

    def __init__(self, record_type: type[T]) -> None:
        self._name = record_type.__name__
        self._decoder: msgspec.msgpack.Decoder[T] = msgspec.msgpack.Decoder(record_type)

    def encode(self, record: T) -> bytes:
        return _PREFIX + _encoder.encode(record)

    def decode(self, value: bytes) -> T:
        if value[:1] != _PREFIX:
            found = value[0] if value else 0
            raise UnknownFormatError(f"a row of {self._name}", found, ROW_FORMAT_VERSION)
        try:
            # A copy of a few hundred bytes is cheaper than a view of them.
            return self._decoder.decode(value[1:])
        except UNDECODABLE as error:
            raise CorruptionError(f"a row of {self._name}", str(error)) from error

    def decode_all(self, values: Sequence[bytes]) -> list[T]:
        """As `decode`, for the thousand rows of a page."""
        decode = self._decoder.decode
        try:
            if {value[:1] for value in values} == {_PREFIX}:
                return [decode(value[1:]) for value in values]
        except UNDECODABLE:
            pass
        return [self.decode(value) for value in values]  # says what is wrong


BUCKET = _Codec(BucketInfo)
STATISTICS = _Codec(BucketStatistics)
OBJECT = _Codec(ObjectMetadata)
OBJECT_SUMMARY = _Codec(ObjectSummary)
"""Reads the rows that `OBJECT` writes."""

CONTENT = _Codec(Content)
UPLOAD = _Codec(MultipartUpload)
PART = _Codec(Part)
COMPLETED_UPLOAD = _Codec(CompletedUpload)
USER = _Codec(User)
ACCESS_KEY = _Codec(AccessKey)


def ordered(text: str) -> bytes:
    """UTF-8 that ends in 00 00 and in which 00 is 00 FF: whatever follows it in a key, the order is
    that of the texts first. Source: the tuple layer of FoundationDB.
    """
    return text.encode().replace(b"\0", b"\0\xff") + b"\0\0"


def unordered(key: bytes, start: int) -> tuple[str, int]:
    """The text that `ordered` wrote at `start`, and where what follows it begins."""
    end = key.index(b"\0\0", start)
    return key[start:end].replace(b"\0\xff", b"\0").decode(), end + 2


def prefix_end(prefix: bytes) -> bytes | None:
    """The least key greater than every key that starts with `prefix`; None if there is none."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1]) if stripped else None


def bucket_prefix(bucket_id: int) -> bytes:
    """How the keys of all rows of a bucket begin (OBJECTS, UPLOADS)."""
    return _U64.pack(bucket_id)


def object_row_key(bucket_id: int, key: str) -> bytes:
    """The key of an OBJECTS row."""
    return _U64.pack(bucket_id) + key.encode()


def key_of_object_row(row_key: bytes) -> str:
    """The object key in the key of an OBJECTS row."""
    return row_key[_U64.size :].decode()


def upload_row_key(bucket_id: int, key: str, upload_id: bytes) -> bytes:
    """The key of an UPLOADS row."""
    return _U64.pack(bucket_id) + ordered(key) + upload_id


def key_of_upload_row(row_key: bytes) -> tuple[str, bytes]:
    """The object key and the upload id in the key of an UPLOADS row."""
    key, end = unordered(row_key, _U64.size)
    return key, row_key[end:]


def part_row_key(upload_id: bytes, part_number: int) -> bytes:
    """The key of a PARTS row."""
    return upload_id + _U16.pack(part_number)


def part_number_of_row(row_key: bytes) -> int:
    """The part number in the key of a PARTS row."""
    number: int = _U16.unpack(row_key[-_U16.size :])[0]
    return number


def owner_prefix(owner_id: str) -> bytes:
    """How the keys of the BUCKETS_BY_OWNER rows of an owner begin."""
    return ordered(owner_id)


def user_attribute_key(attribute: str, value: str) -> bytes:
    """The key of a USER_ATTRIBUTES row: ``canonical_id``, ``email``, or ``access_key`` with the
    value of `access_key_attribute`.
    """
    return ordered(attribute) + value.encode()


def access_key_attribute(user_name: str, access_key_id: str = "") -> bytes:
    """The key of the USER_ATTRIBUTES row that says that a user has an access key; without the
    access key id, the prefix of all of the user's.
    """
    return ordered("access_key") + ordered(user_name) + access_key_id.encode()


# Every request reads the row of its bucket, and nearly always that of the request before.
_bucket = lru_cache(maxsize=_REMEMBERED_BUCKETS_MAX)(BUCKET.decode)


def find_bucket(snapshot: Snapshot, name: str) -> BucketInfo | None:
    """The bucket called `name`."""
    value = snapshot.get(Table.BUCKETS, name.encode())
    return None if value is None else _bucket(value)


def find_statistics(snapshot: Snapshot, bucket_id: int) -> BucketStatistics | None:
    """The counters of a bucket; None where there is no such bucket (any more)."""
    value = snapshot.get(Table.BUCKET_STATISTICS, _U64.pack(bucket_id))
    return None if value is None else STATISTICS.decode(value)


def put_statistics(transaction: Transaction, bucket_id: int, statistics: BucketStatistics) -> None:
    """Writes the counters of a bucket."""
    key = _U64.pack(bucket_id)
    transaction.put(Table.BUCKET_STATISTICS, key, STATISTICS.encode(statistics))


def delete_statistics(transaction: Transaction, bucket_id: int) -> None:
    """Removes the counters of a bucket."""
    transaction.delete(Table.BUCKET_STATISTICS, _U64.pack(bucket_id))


def find_object(snapshot: Snapshot, bucket_id: int, key: str) -> ObjectMetadata | None:
    """The current version of an object, without its content."""
    value = snapshot.get(Table.OBJECTS, object_row_key(bucket_id, key))
    return None if value is None else OBJECT.decode(value)


def find_object_with_content(
    snapshot: Snapshot, bucket_id: int, key: str
) -> tuple[ObjectMetadata, Content] | None:
    """The current version of an object and its content."""
    row = snapshot.get_with_attachment(Table.OBJECTS, object_row_key(bucket_id, key))
    return None if row is None else (OBJECT.decode(row[0]), CONTENT.decode(row[1]))


def find_upload(
    snapshot: Snapshot, bucket_id: int, key: str, upload_id: bytes
) -> MultipartUpload | None:
    """A pending upload."""
    value = snapshot.get(Table.UPLOADS, upload_row_key(bucket_id, key, upload_id))
    return None if value is None else UPLOAD.decode(value)


def find_completed_upload(snapshot: Snapshot, upload_id: bytes) -> CompletedUpload | None:
    """An upload that was completed not long ago."""
    value = snapshot.get(Table.COMPLETED_UPLOADS, upload_id)
    return None if value is None else COMPLETED_UPLOAD.decode(value)


def find_user(snapshot: Snapshot, name: str) -> User | None:
    """The user called `name`."""
    value = snapshot.get(Table.USERS, name.encode())
    return None if value is None else USER.decode(value)


def find_user_name(snapshot: Snapshot, attribute: str, value: str) -> str | None:
    """The name of the user with this ``canonical_id`` or ``email``."""
    name = snapshot.get(Table.USER_ATTRIBUTES, user_attribute_key(attribute, value))
    return None if name is None else name.decode()


def find_access_key(snapshot: Snapshot, access_key_id: str) -> AccessKey | None:
    """An access key."""
    value = snapshot.get(Table.ACCESS_KEYS, access_key_id.encode())
    return None if value is None else ACCESS_KEY.decode(value)


def reference_count(snapshot: Snapshot, blob_id: bytes) -> int:
    """How many rows name a blob."""
    value = snapshot.get(Table.BLOB_REFERENCES, blob_id)
    return 0 if value is None else int(_U32.unpack(value)[0])


def put_reference_count(transaction: Transaction, blob_id: bytes, count: int) -> None:
    """Says how many rows name a blob."""
    transaction.put(Table.BLOB_REFERENCES, blob_id, _U32.pack(count))


def put_garbage(transaction: Transaction, blob_id: bytes, hlc: int) -> None:
    """Says that no row names a blob any more."""
    transaction.put(Table.GARBAGE, blob_id, _U64.pack(hlc))


def garbage_since_hlc(value: bytes) -> int:
    """When a blob became garbage, of the value of its row."""
    since_hlc: int = _U64.unpack(value)[0]
    return since_hlc


def applied_position(snapshot: Snapshot) -> tuple[int, int]:
    """Sequence number and stamp of the newest entry the rows show; zeros in an empty index.

    Raises:
        CorruptionError: there are outcomes, but no such row: everything would be applied again.
    """
    value = snapshot.get(Table.META, APPLIED)
    if value is None:
        if snapshot.scan(Table.OUTCOMES, b"", None, 1):
            raise CorruptionError("the index", "there are outcomes, but its position is missing")
        return 0, 0
    sequence_number, hlc = _APPLIED_VALUE.unpack(value)
    return sequence_number, hlc


def put_applied_position(transaction: Transaction, sequence_number: int, hlc: int) -> None:
    """Says which entry is the newest that the rows show."""
    transaction.put(Table.META, APPLIED, _APPLIED_VALUE.pack(sequence_number, hlc))


def next_bucket_id(snapshot: Snapshot) -> int:
    """The next unused bucket id, from 1 on.

    Raises:
        CorruptionError: there are buckets, but no such row: an id would be given twice.
    """
    value = snapshot.get(Table.META, NEXT_BUCKET_ID)
    if value is not None:
        return int(_U64.unpack(value)[0])
    if snapshot.scan(Table.BUCKETS, b"", None, 1):
        raise CorruptionError("the index", "there are buckets, but the next bucket id is missing")
    return 1


def take_bucket_id(transaction: Transaction) -> int:
    """The next unused bucket id, which is used from now on."""
    bucket_id = next_bucket_id(transaction)
    transaction.put(Table.META, NEXT_BUCKET_ID, _U64.pack(bucket_id + 1))
    return bucket_id
