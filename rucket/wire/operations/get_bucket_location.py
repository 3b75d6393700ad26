"""GetBucketLocation. Source: S3 API Reference, "GetBucketLocation"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.service import buckets
from rucket.wire.operation import S3Request, S3Response
from rucket.wire.xml.writer import write_location_constraint

if TYPE_CHECKING:
    from rucket.service.gateway import Gateway


async def get_bucket_location(request: S3Request, gateway: Gateway) -> S3Response:
    """Says in which region the bucket was made."""
    assert request.bucket is not None
    bucket = buckets.head_bucket(gateway, request.requester, "s3:GetBucketLocation", request.bucket)
    location = buckets.location_constraint_of(gateway, bucket)
    return S3Response(
        headers=[("content-type", "application/xml")], body=write_location_constraint(location)
    )
