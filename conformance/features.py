"""Which part of S3 a test of the suite is about, by its name: for tables that people read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.results import Result

_OTHER = "Other"

# The first that fits counts; a test is named after what is special about it.
_FEATURES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("IAM", ("test_iam.py",)),
    ("STS", ("test_sts.py",)),
    ("Topics (SNS)", ("test_sns.py",)),
    ("Select", ("test_s3select.py",)),
    ("Bucket logging", ("logging",)),
    ("Cloud tiers", ("cloud", "restore_", "read_through")),
    ("Lifecycle", ("lifecycle",)),
    ("Object lock", ("object_lock",)),
    ("Encryption", ("sse_", "encrypt", "obj_enc", "copy_enc", "copy_part_enc", "kms")),
    ("Public access block", ("public_block", "block_public", "ignore_public", "restrict_public")),
    ("POST object", ("post_object",)),
    ("CORS", ("cors",)),
    ("Tagging", ("tagging", "_tags")),
    ("Ownership controls", ("ownership", "_owner_", "object_writer")),
    ("Bucket policy", ("policy",)),
    ("Versioning", ("version", "delete_marker")),
    ("Checksums and attributes", ("checksum", "attributes")),
    ("Conditional requests", ("if_match", "ifmatch", "ifnone", "ifmod", "ifunmod", "if_none")),
    ("Conditional requests", ("conditional", "put_object_current")),
    ("Multipart", ("multipart", "upload_part", "part_copy")),
    ("Copy", ("copy",)),
    ("Presigned and anonymous", ("raw_", "presigned", "anonymous")),
    ("ACL", ("acl", "access_bucket", "grant")),
    ("Authentication and headers", ("test_headers.py", "auth")),
    ("Listing", ("list", "key_count")),
    ("Ranges", ("range",)),
    ("Atomicity", ("atomic",)),
    ("Buckets", ("bucket", "account_usage")),
    ("Objects", ("object", "multi_", "100_continue")),
)


def feature_of(node_id: str) -> str:
    """The part of S3 that a test is about."""
    for feature, marks in _FEATURES:
        if any(mark in node_id for mark in marks):
            return feature
    return _OTHER


def by_feature(results: Iterable[Result]) -> list[tuple[str, int, int]]:
    """For each part of S3 how many tests have passed, of how many; in order of its name."""
    counts: dict[str, tuple[int, int]] = {}
    for result in results:
        feature = feature_of(result.node_id)
        passed, total = counts.get(feature, (0, 0))
        counts[feature] = (passed + result.has_passed, total + 1)
    return [(feature, *counts[feature]) for feature in sorted(counts)]
