"""What the commands of multipart uploads do. Source: S3 API, CreateMultipartUpload, UploadPart,
CompleteMultipartUpload, AbortMultipartUpload.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from rucket.model.errors import InvalidPart, NoSuchUpload
from rucket.model.hlc import HlcTimestamp
from rucket.model.records import BucketStatistics, CompletedUpload
from rucket.ports.index import Table
from rucket.state.object_rules import no_such_bucket, replace_current, write_refusal
from rucket.state.outcomes import Committed, Conflicted, Outcome, Rejected
from rucket.state.references import acquire, all_in_use, may_be_named, release
from rucket.state.rows import (
    COMPLETED_UPLOAD,
    CONTENT,
    PART,
    UPLOAD,
    find_completed_upload,
    find_object_with_content,
    find_statistics,
    find_upload,
    part_row_key,
    prefix_end,
    put_statistics,
    upload_row_key,
)

if TYPE_CHECKING:
    from rucket.ports.index import Transaction
    from rucket.state.commands import (
        AbortMultipartUpload,
        CompleteMultipartUpload,
        CreateMultipartUpload,
        PutPart,
    )

COMPLETED_UPLOAD_KEPT_MS = 24 * 60 * 60 * 1000
"""How long a completed upload is remembered for clients that repeat the request."""

_COMPLETED_UPLOADS_LOOKED_AT = 4
_PARTS_PER_SCAN = 1000


def create_upload(command: CreateMultipartUpload, hlc: int, transaction: Transaction) -> Outcome:
    """Starts an upload."""
    statistics = find_statistics(transaction, command.bucket_id)
    if statistics is None:
        return no_such_bucket()
    upload = msgspec.structs.replace(command.upload, upload_id=command.commit_id, initiated_hlc=hlc)
    row_key = upload_row_key(command.bucket_id, command.key, command.commit_id)
    transaction.put(Table.UPLOADS, row_key, UPLOAD.encode(upload))
    _count_upload(transaction, command.bucket_id, statistics, 1)
    return Committed(hlc, version_id=command.commit_id)


def put_part(command: PutPart, hlc: int, transaction: Transaction) -> Outcome:
    """Adds a part, over the one that had its number."""
    if find_upload(transaction, command.bucket_id, command.key, command.upload_id) is None:
        return _no_such_upload(command.upload_id)
    if not may_be_named(command.content, transaction, is_shared=command.shares_blobs):
        return Conflicted()
    acquire(command.content, transaction)
    row_key = part_row_key(command.upload_id, command.part_number)
    replaced = transaction.get_with_attachment(Table.PARTS, row_key)
    if replaced is not None:
        release(CONTENT.decode(replaced[1]), hlc, transaction)
    part = msgspec.structs.replace(command.part, hlc=hlc, version_id=command.commit_id)
    transaction.put(Table.PARTS, row_key, PART.encode(part), CONTENT.encode(command.content))
    return Committed(hlc, version_id=command.commit_id, etag=part.etag)


def complete_upload(
    command: CompleteMultipartUpload, hlc: int, transaction: Transaction
) -> Outcome:
    """Makes the object, if the chosen parts are still those the gateway saw. Parts that were
    uploaded but not chosen are given up.
    """
    statistics = find_statistics(transaction, command.bucket_id)
    if statistics is None:
        return no_such_bucket()
    if find_upload(transaction, command.bucket_id, command.key, command.upload_id) is None:
        return _completed_before(command, transaction)
    stale = _stale_choice(command, transaction)
    if stale is not None:
        return stale
    current = find_object_with_content(transaction, command.bucket_id, command.key)
    refusal = write_refusal(command.condition, current[0] if current else None, command.key)
    if refusal is not None:
        return refusal
    metadata = msgspec.structs.replace(command.metadata, version_id=command.commit_id, hlc=hlc)
    # The object takes its references before the parts give up theirs.
    acquire(command.content, transaction)
    replace_current(
        transaction,
        command.bucket_id,
        command.key,
        current,
        (metadata, command.content),
        statistics,
    )
    drop_upload(transaction, command.bucket_id, command.key, command.upload_id, hlc)
    completed = CompletedUpload(
        command.bucket_id,
        command.key,
        command.parts_digest,
        command.commit_id,
        metadata.etag,
        hlc,
        metadata.checksum,
        metadata.encryption is not None,
    )
    _forget_old_completed_uploads(transaction, hlc)
    transaction.put(Table.COMPLETED_UPLOADS, command.upload_id, COMPLETED_UPLOAD.encode(completed))
    return _answer(completed)


def _stale_choice(command: CompleteMultipartUpload, transaction: Transaction) -> Outcome | None:
    """What the gateway is told that saw other parts than there are now; None if it saw these."""
    for chosen in command.parts:
        value = transaction.get(Table.PARTS, part_row_key(command.upload_id, chosen.part_number))
        if value is None:
            return Rejected(InvalidPart.code, details={"PartNumber": str(chosen.part_number)})
        if PART.decode(value).version_id != chosen.version_id:
            return Conflicted()
    return None if all_in_use(command.content, transaction) else Conflicted()


def abort_upload(command: AbortMultipartUpload, hlc: int, transaction: Transaction) -> Outcome:
    """Ends an upload and gives up its parts."""
    if find_upload(transaction, command.bucket_id, command.key, command.upload_id) is None:
        return _no_such_upload(command.upload_id)
    drop_upload(transaction, command.bucket_id, command.key, command.upload_id, hlc)
    return Committed(hlc)


def drop_upload(
    transaction: Transaction, bucket_id: int, key: str, upload_id: bytes, hlc: int
) -> None:
    """Removes the row of an upload and those of all its parts, and releases their blobs."""
    while parts := transaction.scan(Table.PARTS, upload_id, prefix_end(upload_id), _PARTS_PER_SCAN):
        for row_key, _ in parts:
            row = transaction.get_with_attachment(Table.PARTS, row_key)
            if row is not None:
                release(CONTENT.decode(row[1]), hlc, transaction)
            transaction.delete(Table.PARTS, row_key)
    transaction.delete(Table.UPLOADS, upload_row_key(bucket_id, key, upload_id))
    statistics = find_statistics(transaction, bucket_id)
    if statistics is not None:
        _count_upload(transaction, bucket_id, statistics, -1)


def _count_upload(
    transaction: Transaction, bucket_id: int, statistics: BucketStatistics, step: int
) -> None:
    count = statistics.upload_count + step
    put_statistics(transaction, bucket_id, msgspec.structs.replace(statistics, upload_count=count))


def _completed_before(command: CompleteMultipartUpload, transaction: Transaction) -> Outcome:
    completed = find_completed_upload(transaction, command.upload_id)
    if (
        completed is not None
        and completed.bucket_id == command.bucket_id
        and completed.key == command.key
        and completed.parts_digest == command.parts_digest
    ):
        return _answer(completed)
    return _no_such_upload(command.upload_id)


def _answer(completed: CompletedUpload) -> Committed:
    return Committed(
        completed.hlc,
        version_id=completed.version_id,
        etag=completed.etag,
        checksum=completed.checksum,
    )


def _no_such_upload(upload_id: bytes) -> Rejected:
    return Rejected(NoSuchUpload.code, details={"UploadId": upload_id.hex()})


def _forget_old_completed_uploads(transaction: Transaction, hlc: int) -> None:
    """Upload ids begin with the time of their creation, so the first rows are the oldest; a few
    are looked at for each one that is added, which keeps up.
    """
    oldest = transaction.scan(Table.COMPLETED_UPLOADS, b"", None, _COMPLETED_UPLOADS_LOOKED_AT)
    for upload_id, value in oldest:
        completed_ms = HlcTimestamp(COMPLETED_UPLOAD.decode(value).hlc).physical_ms
        if HlcTimestamp(hlc).physical_ms - completed_ms > COMPLETED_UPLOAD_KEPT_MS:
            transaction.delete(Table.COMPLETED_UPLOADS, upload_id)
