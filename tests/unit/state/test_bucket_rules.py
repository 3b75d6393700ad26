"""What becomes of buckets."""

from __future__ import annotations

import pytest

from rucket.model.records import BucketStatistics, Content, MultipartUpload, Part
from rucket.ports.index import Table
from rucket.state.commands import (
    CreateBucket,
    CreateMultipartUpload,
    DeleteBucket,
    DeleteObject,
    PutObject,
    PutPart,
)
from rucket.state.outcomes import Committed, Rejected
from rucket.state.rows import find_bucket, owner_prefix
from tests.unit.state.applied_log import (
    OTHER_OWNER_ID,
    OWNER_ID,
    AppliedLog,
    an_id,
    hlc_at,
    in_blobs,
    keys_of,
    metadata,
    recount,
)


@pytest.fixture
def log() -> AppliedLog:
    """An empty log."""
    return AppliedLog()


def test_a_bucket_belongs_to_whoever_made_it(log: AppliedLog) -> None:
    """It has an id of its own, the time of its command, and counts from nothing."""
    outcome = log.committed(CreateBucket(log.new_id(), "bucket", OWNER_ID, "eu", "home"))

    bucket = find_bucket(log.index, "bucket")
    assert bucket is not None
    assert (bucket.bucket_id, bucket.owner_id, bucket.created_hlc) == (1, OWNER_ID, outcome.hlc)
    assert (bucket.location, bucket.home_region) == ("eu", "home")
    assert keys_of(log.index, Table.BUCKETS_BY_OWNER) == [owner_prefix(OWNER_ID) + b"bucket"]
    assert log.statistics(1) == BucketStatistics()


def test_an_owner_may_make_a_bucket_again_to_no_effect(log: AppliedLog) -> None:
    """What is in it stays, and the answer is the first one's."""
    log.make_bucket()
    log.committed(PutObject(log.new_id(), 1, "key", metadata(), Content(b"x")))

    outcome = log.apply(CreateBucket(log.new_id(), "bucket", OWNER_ID, "another location"))

    assert outcome == Committed(hlc_at(1000), existed=True)
    assert log.statistics(1) == BucketStatistics(1, 1)
    recount(log.index)


def test_a_name_that_is_taken_is_refused_to_others(log: AppliedLog) -> None:
    """And the bucket keeps its owner."""
    log.make_bucket()

    outcome = log.apply(CreateBucket(log.new_id(), "bucket", OTHER_OWNER_ID))

    assert outcome == Rejected("BucketAlreadyExists", details={"BucketName": "bucket"})
    assert len(keys_of(log.index, Table.BUCKETS_BY_OWNER)) == 1


def test_a_bucket_with_an_object_stays(log: AppliedLog) -> None:
    """Until it has been emptied."""
    log.make_bucket()
    log.committed(PutObject(log.new_id(), 1, "key", metadata(), Content(b"x")))

    outcome = log.apply(DeleteBucket(log.new_id(), 1, "bucket"))
    assert outcome == Rejected("BucketNotEmpty", details={"BucketName": "bucket"})

    log.committed(DeleteObject(log.new_id(), 1, "key"))
    log.committed(DeleteBucket(log.new_id(), 1, "bucket"))
    assert find_bucket(log.index, "bucket") is None
    assert log.statistics(1) is None
    assert keys_of(log.index, Table.BUCKETS_BY_OWNER) == []


def test_pending_uploads_end_with_their_bucket(log: AppliedLog) -> None:
    """More of them than one scan sees, and their parts with them; those of others stay."""
    log.make_bucket()
    other_id = log.make_bucket("other")
    for number in range(1, 1203):
        upload = MultipartUpload(b"", 0, OWNER_ID, metadata())
        bucket_id = other_id if number == 1202 else 1
        log.committed(CreateMultipartUpload(an_id(number), bucket_id, f"key-{number}", upload))
    part = Part(0, 1, "etag")
    log.committed(PutPart(log.new_id(), 1, "key-7", an_id(7), 1, part, in_blobs(1)))
    log.committed(PutPart(log.new_id(), other_id, "key-1202", an_id(1202), 1, part, in_blobs(2)))
    recount(log.index)

    log.committed(DeleteBucket(log.new_id(), 1, "bucket"))

    assert len(keys_of(log.index, Table.UPLOADS)) == 1
    assert len(keys_of(log.index, Table.PARTS)) == 1
    assert (log.references(1, 2), log.garbage()) == ([0, 1], [an_id(1)])
    recount(log.index)


def test_a_bucket_made_anew_is_another_one(log: AppliedLog) -> None:
    """A command that means the one before it is refused."""
    log.make_bucket()
    log.committed(DeleteBucket(log.new_id(), 1, "bucket"))
    assert log.make_bucket() == 2

    outcomes = [
        log.apply(DeleteBucket(log.new_id(), 1, "bucket")),
        log.apply(PutObject(log.new_id(), 1, "key", metadata(), Content(b"x"))),
    ]

    assert outcomes == [Rejected("NoSuchBucket")] * 2
    assert find_bucket(log.index, "bucket") is not None


def test_a_bucket_is_deleted_under_its_own_name_only(log: AppliedLog) -> None:
    """Id and name have to be of the same bucket."""
    log.make_bucket("one")
    log.make_bucket("two")

    outcomes = [
        log.apply(DeleteBucket(log.new_id(), 1, "two")),
        log.apply(DeleteBucket(log.new_id(), 1, "three")),
    ]

    assert outcomes == [Rejected("NoSuchBucket")] * 2
    assert len(keys_of(log.index, Table.BUCKETS)) == 2
