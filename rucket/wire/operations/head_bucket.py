"""HeadBucket. Source: S3 API Reference, "HeadBucket"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.service import buckets
from rucket.wire.operation import S3Request, S3Response

if TYPE_CHECKING:
    from rucket.service.gateway import Gateway


async def head_bucket(request: S3Request, gateway: Gateway) -> S3Response:
    """Says that the bucket is there, and where."""
    assert request.bucket is not None
    bucket = buckets.head_bucket(gateway, request.requester, "s3:ListBucket", request.bucket)
    region = bucket.location or gateway.settings.region
    return S3Response(
        headers=[("x-amz-bucket-region", region), ("content-type", "application/xml")]
    )
