"""Rows of any table, taken apart: for whoever looks at the whole index, to verify or to show it.

`decode_row` says what is in one row; `row_problems` what doesn't fit between that row and the
others, as `rucket.state.apply` keeps them. Pure.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from rucket.model.encryption import decode_encryption_record, stream_size_bytes
from rucket.model.errors import CorruptionError, CorruptRowError, UnknownFormatError
from rucket.model.records import (
    AccessKey,
    BucketInfo,
    Content,
    ObjectMetadata,
    Part,
    User,
)
from rucket.ports.index import Table
from rucket.state import rows
from rucket.state.outcomes import (
    IDLE_COUNT_MIN,
    OUTCOME_COUNT_MIN,
    decode_idle_row,
    decode_outcome_row,
    first_kept,
    is_idle_key,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rucket.model.records import Extent
    from rucket.ports.index import Snapshot

WITH_ATTACHMENT = frozenset({Table.OBJECTS, Table.PARTS})
"""The tables whose rows have a `Content` beside their value."""

_U16 = struct.Struct(">H")
_U32 = struct.Struct(">I")
_U64 = struct.Struct(">Q")
_POSITION = struct.Struct(">QQ")
_ACCESS_KEY = "access_key"

Field = str | int | bytes
Fields = dict[str, Field]


@dataclass(frozen=True, slots=True)
class DecodedRow:
    """What is in a row.

    Attributes:
        key: the parts of its key, by name.
        value: a record, or a plain value.
        content: of a row of a table in `WITH_ATTACHMENT`.
    """

    key: Mapping[str, Field]
    value: object
    content: Content | None = None


def decode_row(table: Table, key: bytes, value: bytes, attachment: bytes = b"") -> DecodedRow:
    """What is in a row whose check fits.

    Raises:
        CorruptionError: it can't be what was written.
        UnknownFormatError: a newer Rucket wrote it.
    """
    try:
        row = _DECODERS[table](key, value)
        if table in WITH_ATTACHMENT:
            return DecodedRow(row.key, row.value, rows.CONTENT.decode(attachment))
    except (ValueError, struct.error, msgspec.DecodeError) as error:
        detail = f"the row with key {key!r} can't be read: {error}"
        raise CorruptRowError(table.name, key, detail) from error
    return row


def read_whole_row(snapshot: Snapshot, table: Table, key: bytes, value: bytes) -> DecodedRow:
    """What is in a row of which a scan has shown key and value; its attachment is read, too.

    Raises:
        CorruptionError, UnknownFormatError: as `decode_row`.
    """
    if table not in WITH_ATTACHMENT:
        return decode_row(table, key, value)
    whole = snapshot.get_with_attachment(table, key)
    if whole is None:
        detail = f"the row with key {key!r} was listed, but can't be found"
        raise CorruptRowError(table.name, key, detail)
    return decode_row(table, key, *whole)


def extents_of(row: DecodedRow) -> tuple[Extent, ...]:
    """The runs of blobs that a row names."""
    return () if row.content is None else row.content.extents


def _meta(key: bytes, value: bytes) -> DecodedRow:
    name = key.decode()
    if key == rows.APPLIED:
        sequence_number, hlc = _POSITION.unpack(value)
        return DecodedRow({"name": name}, {"sequence_number": sequence_number, "hlc": hlc})
    if key == rows.NEXT_BUCKET_ID:
        return DecodedRow({"name": name}, _u64(value))
    return DecodedRow({"name": name}, value)


def _u64(value: bytes) -> int:
    return int(_U64.unpack(value)[0])


def _bucket_by_owner(key: bytes, value: bytes) -> DecodedRow:
    owner_id, end = rows.unordered(key, 0)
    return DecodedRow({"owner_id": owner_id, "name": key[end:].decode()}, value)


def _object(key: bytes, value: bytes) -> DecodedRow:
    bucket_id = _u64(key[: _U64.size])
    parts: Fields = {"bucket_id": bucket_id, "key": rows.key_of_object_row(key)}
    return DecodedRow(parts, rows.OBJECT.decode(value))


def _upload(key: bytes, value: bytes) -> DecodedRow:
    object_key, upload_id = rows.key_of_upload_row(key)
    parts: Fields = {
        "bucket_id": _u64(key[: _U64.size]),
        "key": object_key,
        "upload_id": upload_id,
    }
    return DecodedRow(parts, rows.UPLOAD.decode(value))


def _part(key: bytes, value: bytes) -> DecodedRow:
    parts: Fields = {
        "upload_id": key[: -_U16.size],
        "part_number": rows.part_number_of_row(key),
    }
    return DecodedRow(parts, rows.PART.decode(value))


def _user_attribute(key: bytes, value: bytes) -> DecodedRow:
    attribute, end = rows.unordered(key, 0)
    if attribute == _ACCESS_KEY:
        user_name, end = rows.unordered(key, end)
        parts: Fields = {
            "attribute": attribute,
            "user_name": user_name,
            "value": key[end:].decode(),
        }
        return DecodedRow(parts, value.decode())
    return DecodedRow({"attribute": attribute, "value": key[end:].decode()}, value.decode())


def _outcome(key: bytes, value: bytes) -> DecodedRow:
    if is_idle_key(key):
        return DecodedRow({"sequence_number": decode_idle_row(key, value)}, "changed nothing")
    row = decode_outcome_row(key, value)
    fields = {"commit_id": row.commit_id, "outcome": row.outcome}
    return DecodedRow({"sequence_number": row.sequence_number}, fields)


_DECODERS: dict[Table, Callable[[bytes, bytes], DecodedRow]] = {
    Table.META: _meta,
    Table.BUCKETS: lambda key, value: DecodedRow({"name": key.decode()}, rows.BUCKET.decode(value)),
    Table.BUCKETS_BY_OWNER: _bucket_by_owner,
    Table.BUCKET_STATISTICS: lambda key, value: DecodedRow(
        {"bucket_id": _u64(key)}, rows.STATISTICS.decode(value)
    ),
    Table.OBJECTS: _object,
    Table.UPLOADS: _upload,
    Table.PARTS: _part,
    Table.COMPLETED_UPLOADS: lambda key, value: DecodedRow(
        {"upload_id": key}, rows.COMPLETED_UPLOAD.decode(value)
    ),
    Table.BLOB_REFERENCES: lambda key, value: DecodedRow(
        {"blob_id": key}, int(_U32.unpack(value)[0])
    ),
    Table.GARBAGE: lambda key, value: DecodedRow({"blob_id": key}, {"since_hlc": _u64(value)}),
    Table.USERS: lambda key, value: DecodedRow({"name": key.decode()}, rows.USER.decode(value)),
    Table.USER_ATTRIBUTES: _user_attribute,
    Table.ACCESS_KEYS: lambda key, value: DecodedRow(
        {"access_key_id": key.decode()}, rows.ACCESS_KEY.decode(value)
    ),
    Table.OUTCOMES: _outcome,
}


def row_problems(snapshot: Snapshot, table: Table, row: DecodedRow) -> list[str]:
    """What doesn't fit between a row and the others of the same snapshot.

    Raises:
        CorruptionError: one of the others can't be read.
    """
    look = _RELATIONS.get(table)
    return [] if look is None else look(snapshot, row)


def _bucket_problems(snapshot: Snapshot, row: DecodedRow) -> list[str]:
    bucket = row.value
    assert isinstance(bucket, BucketInfo)
    problems = []
    if bucket.name != row.key["name"]:
        problems.append(f"its row says {bucket.name!r}")
    try:
        if rows.next_bucket_id(snapshot) <= bucket.bucket_id:
            problems.append("its id will be given to another bucket")
    except CorruptionError as error:
        problems.append(error.detail)
    owner_key = rows.owner_prefix(bucket.owner_id) + bucket.name.encode()
    if snapshot.get(Table.BUCKETS_BY_OWNER, owner_key) is None:
        problems.append("it isn't among the buckets of its owner")
    if rows.find_statistics(snapshot, bucket.bucket_id) is None:
        problems.append("its counters are missing")
    return problems


def _outcome_problems(snapshot: Snapshot, row: DecodedRow) -> list[str]:
    sequence_number = int(row.key["sequence_number"])
    try:
        position, _ = rows.applied_position(snapshot)
    except CorruptionError as error:
        return [error.detail]
    if position < sequence_number:
        return [f"the position says that only {position} records are shown"]
    count_min = OUTCOME_COUNT_MIN if isinstance(row.value, dict) else IDLE_COUNT_MIN
    if sequence_number < first_kept(position, count_min):
        return ["it is older than what is kept"]
    return []


def _owned_bucket_problems(snapshot: Snapshot, row: DecodedRow) -> list[str]:
    bucket = rows.find_bucket(snapshot, str(row.key["name"]))
    is_owner = bucket is not None and bucket.owner_id == row.key["owner_id"]
    return [] if is_owner else ["it names a bucket that isn't there"]


def _content_problems(snapshot: Snapshot, row: DecodedRow) -> list[str]:
    described = row.value
    assert isinstance(described, ObjectMetadata | Part)
    problems = [
        f"blob {extent.blob_id.hex()} has no reference row"
        for extent in extents_of(row)
        if not rows.reference_count(snapshot, extent.blob_id)
    ]
    if isinstance(described, ObjectMetadata):
        problems += _without_statistics(snapshot, row)
    assert row.content is not None
    inline_size_bytes = len(row.content.inline or b"")
    size_bytes = inline_size_bytes + sum(extent.size_bytes for extent in extents_of(row))
    try:
        expected = _content_size_bytes(described)
    except (CorruptionError, UnknownFormatError) as error:
        return [*problems, str(error)]
    if expected is not None and size_bytes != expected:
        problems.append(f"it has {described.size_bytes} bytes, its content {size_bytes}")
    return problems


def _content_size_bytes(described: ObjectMetadata | Part) -> int | None:
    """How long the content is; None for a part whose upload knows how it is encrypted."""
    if isinstance(described, Part):
        return None if described.stream_id else described.size_bytes
    if described.encryption is None:
        return described.size_bytes
    chunk_size_bytes = decode_encryption_record(described.encryption).chunk_size_bytes
    sizes = [described.size_bytes]
    if described.parts and described.parts[0].stream_id:
        sizes = [part.size_bytes for part in described.parts]
    return sum(stream_size_bytes(size, chunk_size_bytes) for size in sizes)


def _without_statistics(snapshot: Snapshot, row: DecodedRow) -> list[str]:
    bucket_id = int(row.key["bucket_id"])
    found = rows.find_statistics(snapshot, bucket_id)
    return [] if found is not None else [f"there are no counters of its bucket {bucket_id}"]


def _user_problems(snapshot: Snapshot, row: DecodedRow) -> list[str]:
    user = row.value
    assert isinstance(user, User)
    attributes = [("canonical_id", user.canonical_id)]
    if user.email:
        attributes.append(("email", user.email.lower()))
    return [
        f"the row for its {attribute} is missing"
        for attribute, value in attributes
        if rows.find_user_name(snapshot, attribute, value) != user.name
    ]


def _access_key_problems(snapshot: Snapshot, row: DecodedRow) -> list[str]:
    access_key = row.value
    assert isinstance(access_key, AccessKey)
    problems = []
    if rows.find_user(snapshot, access_key.user_name) is None:
        problems.append("its user isn't there")
    attribute = rows.access_key_attribute(access_key.user_name, access_key.access_key_id)
    if snapshot.get(Table.USER_ATTRIBUTES, attribute) is None:
        problems.append("it isn't among the access keys of its user")
    return problems


def _attribute_problems(snapshot: Snapshot, row: DecodedRow) -> list[str]:
    problems = []
    if rows.find_user(snapshot, str(row.value)) is None:
        problems.append("it names a user who isn't there")
    if row.key["attribute"] == _ACCESS_KEY:
        access_key = rows.find_access_key(snapshot, str(row.key["value"]))
        if access_key is None or access_key.user_name != row.key["user_name"]:
            problems.append("it names an access key that isn't there")
    return problems


def _blob_problems(snapshot: Snapshot, row: DecodedRow) -> list[str]:
    blob_id = row.key["blob_id"]
    assert isinstance(blob_id, bytes)
    count = rows.reference_count(snapshot, blob_id)
    is_garbage = snapshot.get(Table.GARBAGE, blob_id) is not None
    if is_garbage and count:
        return ["it is named by rows and garbage as well"]
    return [] if is_garbage or count else ["no row names it, but it isn't garbage"]


_RELATIONS: dict[Table, Callable[[Snapshot, DecodedRow], list[str]]] = {
    Table.BUCKETS: _bucket_problems,
    Table.BUCKETS_BY_OWNER: _owned_bucket_problems,
    Table.OBJECTS: _content_problems,
    Table.UPLOADS: _without_statistics,
    Table.PARTS: _content_problems,
    Table.BLOB_REFERENCES: _blob_problems,
    Table.GARBAGE: _blob_problems,
    Table.USERS: _user_problems,
    Table.USER_ATTRIBUTES: _attribute_problems,
    Table.ACCESS_KEYS: _access_key_problems,
    Table.OUTCOMES: _outcome_problems,
}
