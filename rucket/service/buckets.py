"""Buckets: make, remove, find and list them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rucket.model.errors import IllegalLocationConstraintException, NoSuchBucket
from rucket.model.names import ID_SIZE_BYTES, check_bucket_name
from rucket.ports.index import Table
from rucket.service.authorization.ownership import authorize, authorize_account
from rucket.service.outcome_errors import committed
from rucket.state.commands import CreateBucket, DeleteBucket
from rucket.state.rows import find_bucket, owner_prefix, prefix_end

if TYPE_CHECKING:
    from rucket.model.records import BucketInfo
    from rucket.ports.index import Snapshot
    from rucket.service.authorization.requester import Requester
    from rucket.service.gateway import Gateway

BUCKETS_PER_SLICE = 500
_DEFAULT_REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class BucketPage:
    """Some of a requester's buckets, by name.

    Attributes:
        buckets: in order.
        next_after: where the next page goes on; None on the last one.
    """

    buckets: list[BucketInfo]
    next_after: str | None


def authorized_bucket(
    snapshot: Snapshot, requester: Requester, action: str, name: str
) -> BucketInfo:
    """The bucket called `name`, in which `requester` may do `action`.

    Raises:
        NoSuchBucket: there is none, which everybody may know.
        AccessDenied: they may not.
    """
    bucket = find_bucket(snapshot, name)
    if bucket is None:
        raise NoSuchBucket(BucketName=name)
    authorize(requester, action, bucket)
    return bucket


def head_bucket(gateway: Gateway, requester: Requester, action: str, name: str) -> BucketInfo:
    """The same, from a snapshot of its own."""
    with gateway.index.snapshot() as snapshot:
        return authorized_bucket(snapshot, requester, action, name)


async def create_bucket(
    gateway: Gateway, requester: Requester, name: str, location_constraint: str
) -> None:
    """Makes a bucket that belongs to `requester`; one they have already stays as it is.

    `location_constraint` is the region that the client asks for; empty for any.

    Raises:
        AccessDenied: anonymous requesters own nothing.
        InvalidBucketName: the name breaks S3's rules.
        IllegalLocationConstraintException: another region was asked for.
        BucketAlreadyExists: somebody else has it.
    """
    authorize_account(requester, "s3:CreateBucket")
    checked_name = check_bucket_name(name)
    if location_constraint not in ("", gateway.settings.region):
        raise IllegalLocationConstraintException(
            f"The {location_constraint} location constraint is incompatible for the region "
            "specific endpoint this request was sent to.",
            LocationConstraint=location_constraint,
        )
    command = CreateBucket(
        commit_id=gateway.random.token_bytes(ID_SIZE_BYTES),
        name=checked_name,
        owner_id=requester.canonical_id,
        location=location_constraint,
        home_region=gateway.settings.region,
    )
    committed(await gateway.commits.commit(command))


async def delete_bucket(gateway: Gateway, requester: Requester, name: str) -> None:
    """Removes an empty bucket; uploads pending in it end.

    Raises:
        NoSuchBucket, AccessDenied, BucketNotEmpty: S3's reasons.
    """
    bucket = head_bucket(gateway, requester, "s3:DeleteBucket", name)
    command = DeleteBucket(
        commit_id=gateway.random.token_bytes(ID_SIZE_BYTES),
        bucket_id=bucket.bucket_id,
        name=bucket.name,
    )
    committed(await gateway.commits.commit(command))


def location_constraint_of(gateway: Gateway, bucket: BucketInfo) -> str:
    """What GetBucketLocation answers.

    It is what the bucket was made with, or else the region, which S3 leaves empty for us-east-1.
    """
    if bucket.location:
        return bucket.location
    return "" if gateway.settings.region == _DEFAULT_REGION else gateway.settings.region


async def list_buckets(
    gateway: Gateway, requester: Requester, *, prefix: str, after: str, limit: int
) -> BucketPage:
    """The first `limit` buckets of `requester` whose names begin with `prefix`.

    `after` says that only greater names are wanted; empty means all.

    Raises:
        AccessDenied: anonymous requesters own nothing.
    """
    authorize_account(requester, "s3:ListAllMyBuckets")
    owned = owner_prefix(requester.canonical_id)
    stop = prefix_end(owned + prefix.encode())
    start = owned + max(prefix.encode(), after.encode() + b"\0" if after else b"")
    buckets: list[BucketInfo] = []
    while True:
        with gateway.index.snapshot() as snapshot:
            rows = snapshot.scan(Table.BUCKETS_BY_OWNER, start, stop, BUCKETS_PER_SLICE)
            names = [row_key[len(owned) :].decode() for row_key, _ in rows]
            found = [bucket for name in names if (bucket := find_bucket(snapshot, name))]
        buckets += found
        if len(buckets) > limit:
            return BucketPage(buckets[:limit], buckets[limit - 1].name)
        if len(rows) < BUCKETS_PER_SLICE:
            return BucketPage(buckets, None)
        start = rows[-1][0] + b"\0"
        await gateway.tasks.sleep(0)
