"""Who may do what, by ownership: a bucket and everything in it belongs to whoever created it.

Nobody else may do anything with it, the root user included: root is an ordinary owner of buckets
who may use the admin API as well. Policies and ACLs will widen and narrow this behind the same
functions; actions have the names that S3 policies give them (``s3:PutObject``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.model.errors import AccessDenied

if TYPE_CHECKING:
    from rucket.model.records import BucketInfo
    from rucket.service.authorization.requester import Requester


def is_allowed(requester: Requester, action: str, bucket: BucketInfo) -> bool:  # noqa: ARG001 - an owner may do everything; others, nothing
    """Whether `requester` may do `action` in `bucket` or to one of its objects."""
    return not requester.is_anonymous and requester.canonical_id == bucket.owner_id


def authorize(requester: Requester, action: str, bucket: BucketInfo) -> None:
    """Returns if `requester` may do `action` in `bucket` or to one of its objects.

    Raises:
        AccessDenied: they may not.
    """
    if not is_allowed(requester, action, bucket):
        raise AccessDenied


def authorize_account(requester: Requester, action: str) -> None:  # noqa: ARG001 - users may do all of them
    """Returns if `requester` may do an `action` that is about no bucket that exists.

    These are ``s3:ListAllMyBuckets`` and ``s3:CreateBucket``.

    Raises:
        AccessDenied: they may not.
    """
    if requester.is_anonymous:
        raise AccessDenied
