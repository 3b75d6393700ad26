"""DeleteBucket. Source: S3 API Reference, "DeleteBucket"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.service import buckets
from rucket.wire.operation import S3Request, S3Response

if TYPE_CHECKING:
    from rucket.service.gateway import Gateway


async def delete_bucket(request: S3Request, gateway: Gateway) -> S3Response:
    """Removes an empty bucket."""
    assert request.bucket is not None
    await buckets.delete_bucket(gateway, request.requester, request.bucket)
    return S3Response(status=204)
