"""AbortMultipartUpload. Source: S3 API Reference, AbortMultipartUpload."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.service.multipart import abort_upload
from rucket.wire.object_request import find_object_bucket, requested_upload
from rucket.wire.operation import S3Response

if TYPE_CHECKING:
    from rucket.service.gateway import Gateway
    from rucket.wire.operation import S3Request

_NO_CONTENT = 204


async def abort_multipart_upload(request: S3Request, gateway: Gateway) -> S3Response:
    """Ends an upload and gives up its parts."""
    bucket = find_object_bucket(gateway, request, "s3:AbortMultipartUpload")
    await abort_upload(gateway, requested_upload(request, bucket))
    return S3Response(_NO_CONTENT)
