"""The bucket subresources that can be answered though no bucket has them (yet).

One line each: what a GET answers, and what DELETE needs. Source: S3 API Reference, the page of each
operation.
"""

from __future__ import annotations

from rucket.model import errors
from rucket.wire.operations.bucket_configurations import (
    absent_configuration,
    absent_configuration_deletion,
    default_configuration,
)
from rucket.wire.route import Route

_DEFAULTS = (
    (
        "versioning",
        "GetBucketVersioning",
        default_configuration("s3:GetBucketVersioning", "VersioningConfiguration"),
    ),
    (
        "logging",
        "GetBucketLogging",
        default_configuration("s3:GetBucketLogging", "BucketLoggingStatus"),
    ),
    (
        "notification",
        "GetBucketNotificationConfiguration",
        default_configuration("s3:GetBucketNotification", "NotificationConfiguration"),
    ),
    (
        "requestPayment",
        "GetBucketRequestPayment",
        default_configuration(
            "s3:GetBucketRequestPayment",
            "RequestPaymentConfiguration",
            "<Payer>BucketOwner</Payer>",
        ),
    ),
    (
        "accelerate",
        "GetBucketAccelerateConfiguration",
        default_configuration("s3:GetAccelerateConfiguration", "AccelerateConfiguration"),
    ),
)

_ABSENT = (
    (
        "policy",
        "GetBucketPolicy",
        absent_configuration("s3:GetBucketPolicy", errors.NoSuchBucketPolicy),
    ),
    (
        "policyStatus",
        "GetBucketPolicyStatus",
        absent_configuration("s3:GetBucketPolicyStatus", errors.NoSuchBucketPolicy),
    ),
    (
        "lifecycle",
        "GetBucketLifecycleConfiguration",
        absent_configuration("s3:GetLifecycleConfiguration", errors.NoSuchLifecycleConfiguration),
    ),
    (
        "cors",
        "GetBucketCors",
        absent_configuration("s3:GetBucketCORS", errors.NoSuchCORSConfiguration),
    ),
    (
        "tagging",
        "GetBucketTagging",
        absent_configuration("s3:GetBucketTagging", errors.NoSuchTagSet),
    ),
    (
        "encryption",
        "GetBucketEncryption",
        absent_configuration(
            "s3:GetEncryptionConfiguration", errors.ServerSideEncryptionConfigurationNotFoundError
        ),
    ),
    (
        "object-lock",
        "GetObjectLockConfiguration",
        absent_configuration(
            "s3:GetBucketObjectLockConfiguration", errors.ObjectLockConfigurationNotFoundError
        ),
    ),
    (
        "website",
        "GetBucketWebsite",
        absent_configuration("s3:GetBucketWebsite", errors.NoSuchWebsiteConfiguration),
    ),
    (
        "publicAccessBlock",
        "GetPublicAccessBlock",
        absent_configuration(
            "s3:GetBucketPublicAccessBlock", errors.NoSuchPublicAccessBlockConfiguration
        ),
    ),
    (
        "ownershipControls",
        "GetBucketOwnershipControls",
        absent_configuration(
            "s3:GetBucketOwnershipControls", errors.OwnershipControlsNotFoundError
        ),
    ),
    (
        "replication",
        "GetBucketReplication",
        absent_configuration(
            "s3:GetReplicationConfiguration", errors.ReplicationConfigurationNotFoundError
        ),
    ),
)

_DELETIONS = (
    ("policy", "DeleteBucketPolicy", "s3:DeleteBucketPolicy"),
    ("lifecycle", "DeleteBucketLifecycle", "s3:PutLifecycleConfiguration"),
    ("cors", "DeleteBucketCors", "s3:PutBucketCORS"),
    ("tagging", "DeleteBucketTagging", "s3:PutBucketTagging"),
    ("encryption", "DeleteBucketEncryption", "s3:PutEncryptionConfiguration"),
    ("website", "DeleteBucketWebsite", "s3:DeleteBucketWebsite"),
    ("publicAccessBlock", "DeletePublicAccessBlock", "s3:PutBucketPublicAccessBlock"),
    ("ownershipControls", "DeleteBucketOwnershipControls", "s3:PutBucketOwnershipControls"),
    ("replication", "DeleteBucketReplication", "s3:PutReplicationConfiguration"),
)

READ_ROUTES = {
    subresource: Route(name, operation) for subresource, name, operation in (*_DEFAULTS, *_ABSENT)
}
"""By subresource: what GET does."""

DELETE_ROUTES = {
    subresource: Route(name, absent_configuration_deletion(action))
    for subresource, name, action in _DELETIONS
}
"""By subresource: what DELETE does."""
