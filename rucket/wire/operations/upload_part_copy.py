"""UploadPartCopy. Source: S3 API Reference, UploadPartCopy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.service.copying import PartPlan, copy_part
from rucket.service.multipart import pending_upload
from rucket.service.reading import ByteSpan
from rucket.wire.byte_ranges import check_copy_source_range, parse_copy_source_range
from rucket.wire.copying_request import CopySourceRequest
from rucket.wire.kept_checksum import ComputedChecksum
from rucket.wire.multipart_checksums import kept_algorithm
from rucket.wire.object_request import object_bucket, requested_part_number, requested_upload
from rucket.wire.operation import S3Response
from rucket.wire.server_side_encryption import encryption_headers
from rucket.wire.xml.documents import CopyResult
from rucket.wire.xml.writer import write_copy_part

if TYPE_CHECKING:
    from rucket.model.records import ObjectMetadata
    from rucket.service.gateway import Gateway
    from rucket.wire.operation import S3Request


async def upload_part_copy(request: S3Request, gateway: Gateway) -> S3Response:
    """Adds an object, or a range of one, as a part of an upload."""
    with gateway.index.snapshot() as snapshot:
        bucket = object_bucket(snapshot, request, "s3:PutObject")
        part_number = requested_part_number(request)
        name = requested_upload(request, bucket)
        algorithm = kept_algorithm(pending_upload(snapshot, name))
    source_request = CopySourceRequest(request)
    byte_range = parse_copy_source_range(request.headers.get("x-amz-copy-source-range"))

    def select(source: ObjectMetadata) -> ByteSpan:
        if byte_range is not None:
            check_copy_source_range(byte_range, source.size_bytes)
            span = ByteSpan(byte_range.first, byte_range.size_bytes)
        else:
            span = ByteSpan(0, source.size_bytes)
        source_request.check(source, span.size_bytes)
        return span

    plan = PartPlan(name, part_number, select, lambda: ComputedChecksum(algorithm))
    stored = await copy_part(gateway, source_request.find, plan)
    result = CopyResult(stored.etag, stored.modified_ms, stored.checksum)
    headers = [
        ("content-type", "application/xml"),
        *encryption_headers(is_encrypted=stored.is_encrypted),
    ]
    return S3Response(headers=headers, body=write_copy_part(result))
