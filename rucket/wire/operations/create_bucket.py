"""CreateBucket. Source: S3 API Reference, "CreateBucket"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.model.errors import AccessDenied
from rucket.service import buckets
from rucket.wire.body import read_small
from rucket.wire.operation import S3Request, S3Response
from rucket.wire.xml.reader import (
    CREATE_BUCKET_SIZE_BYTES_MAX,
    read_create_bucket_configuration,
)

if TYPE_CHECKING:
    from rucket.service.gateway import Gateway


async def create_bucket(request: S3Request, gateway: Gateway) -> S3Response:
    """Makes a bucket that belongs to the requester."""
    assert request.bucket is not None
    if request.requester.is_anonymous:
        raise AccessDenied
    document = await read_small(request.body, CREATE_BUCKET_SIZE_BYTES_MAX)
    configuration = read_create_bucket_configuration(document)
    await buckets.create_bucket(
        gateway, request.requester, request.bucket, configuration.location_constraint or ""
    )
    return S3Response(headers=[("location", f"/{request.bucket}")])
