"""What CreateBucket and DeleteBucket do. Source: S3 API, CreateBucket and DeleteBucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.model.errors import BucketAlreadyExists, BucketNotEmpty
from rucket.model.records import BucketInfo, BucketStatistics
from rucket.ports.index import Table
from rucket.state.multipart_rules import drop_upload
from rucket.state.object_rules import no_such_bucket
from rucket.state.outcomes import Committed, Outcome, Rejected
from rucket.state.rows import (
    BUCKET,
    bucket_prefix,
    delete_statistics,
    find_bucket,
    find_statistics,
    key_of_upload_row,
    owner_prefix,
    prefix_end,
    put_statistics,
    take_bucket_id,
)

if TYPE_CHECKING:
    from rucket.ports.index import Transaction
    from rucket.state.commands import CreateBucket, DeleteBucket

_UPLOADS_PER_SCAN = 1000


def create_bucket(command: CreateBucket, hlc: int, transaction: Transaction) -> Outcome:
    """Makes the bucket. Its owner may make it again, to no effect, as in us-east-1."""
    existing = find_bucket(transaction, command.name)
    if existing is not None:
        if existing.owner_id == command.owner_id:
            return Committed(existing.created_hlc, existed=True)
        return Rejected(BucketAlreadyExists.code, details={"BucketName": command.name})
    bucket = BucketInfo(
        bucket_id=take_bucket_id(transaction),
        name=command.name,
        owner_id=command.owner_id,
        created_hlc=hlc,
        location=command.location,
        home_region=command.home_region,
    )
    name = command.name.encode()
    transaction.put(Table.BUCKETS, name, BUCKET.encode(bucket))
    transaction.put(Table.BUCKETS_BY_OWNER, owner_prefix(bucket.owner_id) + name, b"")
    put_statistics(transaction, bucket.bucket_id, BucketStatistics())
    return Committed(hlc)


def delete_bucket(command: DeleteBucket, hlc: int, transaction: Transaction) -> Outcome:
    """Removes the bucket if it holds no object. Pending uploads don't keep it; they end."""
    bucket = find_bucket(transaction, command.name)
    statistics = find_statistics(transaction, command.bucket_id)
    if bucket is None or statistics is None or bucket.bucket_id != command.bucket_id:
        return no_such_bucket()
    if statistics.object_count:
        return Rejected(BucketNotEmpty.code, details={"BucketName": command.name})
    prefix = bucket_prefix(bucket.bucket_id)
    while uploads := transaction.scan(Table.UPLOADS, prefix, prefix_end(prefix), _UPLOADS_PER_SCAN):
        for row_key, _ in uploads:
            key, upload_id = key_of_upload_row(row_key)
            drop_upload(transaction, bucket.bucket_id, key, upload_id, hlc)
    name = command.name.encode()
    transaction.delete(Table.BUCKETS, name)
    transaction.delete(Table.BUCKETS_BY_OWNER, owner_prefix(bucket.owner_id) + name)
    delete_statistics(transaction, bucket.bucket_id)
    return Committed(hlc)
