"""CreateMultipartUpload. Source: S3 API Reference, CreateMultipartUpload."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.service.multipart import create_upload
from rucket.service.objects import new_metadata
from rucket.wire.checksums import parse_multipart_checksum
from rucket.wire.object_request import describe_object, find_object_bucket, key_of
from rucket.wire.operation import S3Response
from rucket.wire.server_side_encryption import encrypting_as_asked, encryption_headers
from rucket.wire.xml.documents import InitiateMultipartUploadResult
from rucket.wire.xml.writer import write_initiate_multipart_upload

if TYPE_CHECKING:
    from rucket.service.gateway import Gateway
    from rucket.wire.operation import S3Request


async def create_multipart_upload(request: S3Request, gateway: Gateway) -> S3Response:
    """Starts an upload; what the object will be besides its bytes is said now."""
    bucket = find_object_bucket(gateway, request, "s3:PutObject")
    gateway = encrypting_as_asked(request.headers, gateway)
    key = key_of(request)
    requester_id = request.requester.canonical_id
    template = new_metadata(describe_object(request.headers), requester_id)
    asked = parse_multipart_checksum(request.headers)
    checksum = None if asked is None else (asked[0].value, asked[1].value)
    upload_id = await create_upload(gateway, bucket, key, template, requester_id, checksum)
    result = InitiateMultipartUploadResult(bucket.name, key, upload_id.hex())
    headers = [("content-type", "application/xml")]
    if checksum is not None:
        headers.append(("x-amz-checksum-algorithm", checksum[0]))
        headers.append(("x-amz-checksum-type", checksum[1]))
    headers += encryption_headers(is_encrypted=gateway.encryption.is_on)
    return S3Response(headers=headers, body=write_initiate_multipart_upload(result))
