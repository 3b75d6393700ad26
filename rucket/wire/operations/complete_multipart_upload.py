"""CompleteMultipartUpload. Source: S3 API Reference, CompleteMultipartUpload."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.service.multipart import RequestedPart, complete_upload
from rucket.wire.body import read_small
from rucket.wire.multipart_checksums import CompletionJudgement
from rucket.wire.object_request import find_object_bucket, requested_upload, write_condition
from rucket.wire.operation import S3Response
from rucket.wire.percent_encoding import uri_encode
from rucket.wire.server_side_encryption import encryption_headers
from rucket.wire.xml.documents import CompleteMultipartUploadResult
from rucket.wire.xml.reader import COMPLETE_SIZE_BYTES_MAX, read_complete_multipart_upload
from rucket.wire.xml.writer import write_complete_multipart_upload

if TYPE_CHECKING:
    from rucket.service.gateway import Gateway
    from rucket.wire.operation import S3Request


async def complete_multipart_upload(request: S3Request, gateway: Gateway) -> S3Response:
    """Makes an object of the parts that the request lists. It may be repeated."""
    bucket = find_object_bucket(gateway, request, "s3:PutObject")
    name = requested_upload(request, bucket)
    document = read_complete_multipart_upload(
        await read_small(request.body, COMPLETE_SIZE_BYTES_MAX)
    )
    requested = [
        RequestedPart(
            part.part_number,
            part.etag,
            tuple((algorithm.value, value) for algorithm, value in part.checksums),
        )
        for part in document.parts
    ]
    stored = await complete_upload(
        gateway,
        name,
        requested,
        write_condition(request.headers),
        CompletionJudgement(request.headers),
    )
    path = uri_encode(f"{bucket.name}/{name.key}".encode(), keep_slash=True)
    result = CompleteMultipartUploadResult(
        location=f"{request.scheme}://{request.host}/{path}",
        bucket=bucket.name,
        key=name.key,
        etag=stored.etag,
        checksum=stored.checksum,
    )
    return S3Response(
        headers=[
            ("content-type", "application/xml"),
            *encryption_headers(is_encrypted=stored.is_encrypted),
        ],
        body=write_complete_multipart_upload(result),
    )
