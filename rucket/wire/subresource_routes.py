"""The bucket subresources that can be answered though no bucket has them (yet).

One line each: what a GET answers, and what DELETE needs. Source: S3 API Reference, the page of each
operation.
"""

from __future__ import annotations

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
        absent_configuration(
            "s3:GetBucketPolicy", "NoSuchBucketPolicy", "The bucket policy does not exist"
        ),
    ),
    (
        "policyStatus",
        "GetBucketPolicyStatus",
        absent_configuration(
            "s3:GetBucketPolicyStatus", "NoSuchBucketPolicy", "The bucket policy does not exist"
        ),
    ),
    (
        "lifecycle",
        "GetBucketLifecycleConfiguration",
        absent_configuration(
            "s3:GetLifecycleConfiguration",
            "NoSuchLifecycleConfiguration",
            "The lifecycle configuration does not exist",
        ),
    ),
    (
        "cors",
        "GetBucketCors",
        absent_configuration(
            "s3:GetBucketCORS", "NoSuchCORSConfiguration", "The CORS configuration does not exist"
        ),
    ),
    (
        "tagging",
        "GetBucketTagging",
        absent_configuration("s3:GetBucketTagging", "NoSuchTagSet", "The TagSet does not exist"),
    ),
    (
        "encryption",
        "GetBucketEncryption",
        absent_configuration(
            "s3:GetEncryptionConfiguration",
            "ServerSideEncryptionConfigurationNotFoundError",
            "The server side encryption configuration was not found",
        ),
    ),
    (
        "object-lock",
        "GetObjectLockConfiguration",
        absent_configuration(
            "s3:GetBucketObjectLockConfiguration",
            "ObjectLockConfigurationNotFoundError",
            "Object Lock configuration does not exist for this bucket",
        ),
    ),
    (
        "website",
        "GetBucketWebsite",
        absent_configuration(
            "s3:GetBucketWebsite",
            "NoSuchWebsiteConfiguration",
            "The specified bucket does not have a website configuration",
        ),
    ),
    (
        "publicAccessBlock",
        "GetPublicAccessBlock",
        absent_configuration(
            "s3:GetBucketPublicAccessBlock",
            "NoSuchPublicAccessBlockConfiguration",
            "The public access block configuration was not found",
        ),
    ),
    (
        "ownershipControls",
        "GetBucketOwnershipControls",
        absent_configuration(
            "s3:GetBucketOwnershipControls",
            "OwnershipControlsNotFoundError",
            "The bucket ownership controls were not found",
        ),
    ),
    (
        "replication",
        "GetBucketReplication",
        absent_configuration(
            "s3:GetReplicationConfiguration",
            "ReplicationConfigurationNotFoundError",
            "The replication configuration was not found",
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
