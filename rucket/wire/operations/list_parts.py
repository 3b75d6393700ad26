"""ListParts. Source: S3 API Reference, ListParts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.model.hlc import HlcTimestamp
from rucket.service import upload_listing
from rucket.service.users import display_name_of
from rucket.wire.object_request import object_bucket, requested_count, requested_upload
from rucket.wire.operation import S3Response
from rucket.wire.xml.documents import ListPartsResult, Owner, PartEntry
from rucket.wire.xml.writer import write_list_parts

if TYPE_CHECKING:
    from rucket.service.gateway import Gateway
    from rucket.wire.operation import S3Request

_PARTS_MAX = 1000


async def list_parts(request: S3Request, gateway: Gateway) -> S3Response:
    """Lists the parts that an upload has so far."""
    with gateway.index.snapshot() as snapshot:
        bucket = object_bucket(snapshot, request, "s3:ListMultipartUploadParts")
        name = requested_upload(request, bucket)
        limit = min(requested_count(request, "max-parts", _PARTS_MAX), _PARTS_MAX)
        after = requested_count(request, "part-number-marker", 0)
        upload, page = upload_listing.list_parts(snapshot, name, after=after, limit=limit)
        owner_id = upload.template.owner_id
        owner_name = display_name_of(gateway.settings, snapshot, owner_id)
        initiator_name = display_name_of(gateway.settings, snapshot, upload.initiator_id)
    result = ListPartsResult(
        bucket=bucket.name,
        key=name.key,
        upload_id=name.upload_id.hex(),
        initiator=Owner(upload.initiator_id, initiator_name),
        owner=Owner(owner_id, owner_name),
        part_number_marker=after,
        next_part_number_marker=page.parts[-1][0] if page.parts else after,
        max_parts=limit,
        is_truncated=page.is_truncated,
        parts=[
            PartEntry(
                part_number=number,
                last_modified_ms=HlcTimestamp(part.hlc).physical_ms,
                etag=part.etag,
                size_bytes=part.size_bytes,
                checksum=part.checksum,
            )
            for number, part in page.parts
        ],
        storage_class=upload.template.storage_class,
        checksum_algorithm=upload.checksum_algorithm,
        checksum_type=upload.checksum_type,
    )
    return S3Response(headers=[("content-type", "application/xml")], body=write_list_parts(result))
