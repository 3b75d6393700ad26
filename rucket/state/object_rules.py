"""What PutObject, DeleteObject and ForgetGarbage do.

Source: S3 API, PutObject and DeleteObject, with "Conditional writes" of the S3 User Guide. Where
entity tags are compared on writes, RFC 9110 §13.1 is followed in full: If-None-Match takes tags as
well as ``*``, and so does If-Match; If-Match on a missing object is NoSuchKey.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from rucket.model.errors import NoSuchBucket, NoSuchKey, PreconditionFailed
from rucket.model.hlc import HlcTimestamp
from rucket.model.records import BucketStatistics
from rucket.ports.index import Table
from rucket.state.outcomes import Committed, Conflicted, Outcome, Rejected
from rucket.state.references import acquire, may_be_named, release
from rucket.state.rows import (
    CONTENT,
    OBJECT,
    find_object_with_content,
    find_statistics,
    object_row_key,
    put_statistics,
)

if TYPE_CHECKING:
    from rucket.model.records import Content, ObjectMetadata
    from rucket.ports.index import Transaction
    from rucket.state.commands import (
        DeleteCondition,
        DeleteObject,
        ForgetGarbage,
        PutObject,
        WriteCondition,
    )

ANY_ETAG = "*"


def no_such_bucket() -> Rejected:
    """The bucket is gone, or another one has its name by now."""
    return Rejected(NoSuchBucket.code)


def write_refusal(
    condition: WriteCondition, current: ObjectMetadata | None, key: str
) -> Rejected | None:
    """Why a write may not happen; None if it may."""
    if condition.if_match:
        if current is None:
            return Rejected(NoSuchKey.code, details={"Key": key})
        if ANY_ETAG not in condition.if_match and current.etag not in condition.if_match:
            return Rejected(PreconditionFailed.code, details={"Condition": "If-Match"})
    unwanted = condition.if_none_match
    if current is not None and (ANY_ETAG in unwanted or current.etag in unwanted):
        return Rejected(PreconditionFailed.code, details={"Condition": "If-None-Match"})
    return None


def put_object(command: PutObject, hlc: int, transaction: Transaction) -> Outcome:
    """Replaces the current version, unless the condition says otherwise."""
    statistics = find_statistics(transaction, command.bucket_id)
    if statistics is None:
        return no_such_bucket()
    current = find_object_with_content(transaction, command.bucket_id, command.key)
    refusal = write_refusal(command.condition, current[0] if current else None, command.key)
    if refusal is not None:
        return refusal
    if not may_be_named(command.content, transaction, is_shared=command.shares_blobs):
        return Conflicted()
    acquire(command.content, transaction)
    metadata = msgspec.structs.replace(command.metadata, version_id=command.commit_id, hlc=hlc)
    replace_current(
        transaction,
        command.bucket_id,
        command.key,
        current,
        (metadata, command.content),
        statistics,
    )
    return Committed(hlc, version_id=command.commit_id, etag=metadata.etag)


def replace_current(
    transaction: Transaction,
    bucket_id: int,
    key: str,
    current: tuple[ObjectMetadata, Content] | None,
    new: tuple[ObjectMetadata, Content],
    statistics: BucketStatistics,
) -> None:
    """Puts `new`, whose blobs have been acquired, where `current` was, and releases the latter's.

    Acquiring comes first: an object may be replaced by one that shares its blobs.
    """
    metadata, content = new
    count, size_bytes = statistics.object_count + 1, statistics.size_bytes + metadata.size_bytes
    if current is not None:
        count, size_bytes = count - 1, size_bytes - current[0].size_bytes
        release(current[1], metadata.hlc, transaction)
    transaction.put(
        Table.OBJECTS,
        object_row_key(bucket_id, key),
        OBJECT.encode(metadata),
        CONTENT.encode(content),
    )
    put_statistics(
        transaction,
        bucket_id,
        BucketStatistics(count, size_bytes, statistics.upload_count),
    )


def delete_object(command: DeleteObject, hlc: int, transaction: Transaction) -> Outcome:
    """Removes the current version; where there is none, there is nothing to do."""
    statistics = find_statistics(transaction, command.bucket_id)
    if statistics is None:
        return no_such_bucket()
    current = find_object_with_content(transaction, command.bucket_id, command.key)
    if current is None:
        return Committed(hlc)
    refusal = _delete_refusal(command.condition, current[0])
    if refusal is not None:
        return refusal
    transaction.delete(Table.OBJECTS, object_row_key(command.bucket_id, command.key))
    release(current[1], hlc, transaction)
    put_statistics(
        transaction,
        command.bucket_id,
        BucketStatistics(
            statistics.object_count - 1,
            statistics.size_bytes - current[0].size_bytes,
            statistics.upload_count,
        ),
    )
    return Committed(hlc, existed=True)


def _delete_refusal(condition: DeleteCondition, current: ObjectMetadata) -> Rejected | None:
    modified_s = HlcTimestamp(current.hlc).physical_ms // 1000
    checks = (
        ("If-Match", condition.if_match, (current.etag, ANY_ETAG)),
        ("x-amz-if-match-size", condition.if_match_size_bytes, (current.size_bytes,)),
        (
            "x-amz-if-match-last-modified-time",
            condition.if_match_last_modified_s,
            (modified_s,),
        ),
    )
    for name, wanted, acceptable in checks:
        if wanted is not None and wanted not in acceptable:
            return Rejected(PreconditionFailed.code, details={"Condition": name})
    return None


def forget_garbage(command: ForgetGarbage, hlc: int, transaction: Transaction) -> Outcome:
    """Takes blobs off the list of garbage."""
    for blob_id in command.blob_ids:
        transaction.delete(Table.GARBAGE, blob_id)
    return Committed(hlc)
