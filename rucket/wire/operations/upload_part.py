"""UploadPart. Source: S3 API Reference, UploadPart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.service.multipart import pending_upload, put_part
from rucket.wire.checksums import parse_declared_checksum
from rucket.wire.kept_checksum import ChecksummedBody
from rucket.wire.multipart_checksums import check_part_algorithm, kept_algorithm
from rucket.wire.object_reading import checksum_headers
from rucket.wire.object_request import object_bucket, requested_part_number, requested_upload
from rucket.wire.operation import S3Response
from rucket.wire.server_side_encryption import encryption_headers

if TYPE_CHECKING:
    from rucket.service.gateway import Gateway
    from rucket.wire.operation import S3Request


async def upload_part(request: S3Request, gateway: Gateway) -> S3Response:
    """Adds the request's body as a part of an upload."""
    with gateway.index.snapshot() as snapshot:
        bucket = object_bucket(snapshot, request, "s3:PutObject")
        part_number = requested_part_number(request)
        name = requested_upload(request, bucket)
        upload = pending_upload(snapshot, name)
    declared = parse_declared_checksum(request.headers)
    check_part_algorithm(upload, declared)
    body = ChecksummedBody(request.body, declared, kept_algorithm(upload))
    stored = await put_part(gateway, name, part_number, body)
    # A part has no checksum type of its own.
    checksum = checksum_headers(body.answered_checksum())[:1]
    headers = [
        ("etag", f'"{stored.etag}"'),
        *checksum,
        *encryption_headers(is_encrypted=stored.is_encrypted),
    ]
    return S3Response(headers=headers)
