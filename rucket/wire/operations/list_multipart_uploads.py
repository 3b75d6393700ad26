"""ListMultipartUploads. Source: S3 API Reference, ListMultipartUploads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.model.errors import InvalidArgument, NoSuchUpload
from rucket.model.hlc import HlcTimestamp
from rucket.service.multipart import parse_upload_id
from rucket.service.upload_listing import ListedUpload, UploadQuery, list_uploads
from rucket.service.users import display_name_of
from rucket.wire.object_request import find_object_bucket, requested_count
from rucket.wire.operation import S3Response
from rucket.wire.xml.documents import ListMultipartUploadsResult, Owner, UploadEntry
from rucket.wire.xml.writer import write_list_multipart_uploads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rucket.service.gateway import Gateway
    from rucket.wire.operation import S3Request

_UPLOADS_MAX = 1000


async def list_multipart_uploads(request: S3Request, gateway: Gateway) -> S3Response:
    """Lists the uploads of a bucket that are still pending."""
    bucket = find_object_bucket(gateway, request, "s3:ListBucketMultipartUploads")
    query = UploadQuery(
        bucket_id=bucket.bucket_id,
        prefix=request.query.get("prefix") or "",
        delimiter=request.query.get("delimiter") or "",
        key_marker=request.query.get("key-marker") or "",
        upload_id_marker=_upload_id_marker(request),
        limit=min(requested_count(request, "max-uploads", _UPLOADS_MAX), _UPLOADS_MAX),
    )
    page = await list_uploads(gateway, query)
    owners = _owners(gateway, page.uploads)
    result = ListMultipartUploadsResult(
        bucket=bucket.name,
        prefix=query.prefix,
        delimiter=query.delimiter,
        key_marker=query.key_marker,
        upload_id_marker=request.query.get("upload-id-marker") or "",
        max_uploads=query.limit,
        is_truncated=page.is_truncated,
        uploads=[_entry(listed, owners) for listed in page.uploads],
        common_prefixes=page.common_prefixes,
        next_key_marker=page.next_key_marker,
        next_upload_id_marker=page.next_upload_id_marker.hex(),
        url_encoded=_is_url_encoded(request),
    )
    return S3Response(
        headers=[("content-type", "application/xml")], body=write_list_multipart_uploads(result)
    )


def _upload_id_marker(request: S3Request) -> bytes | None:
    """It counts only together with a key marker."""
    text = request.query.get("upload-id-marker")
    if not text or not request.query.get("key-marker"):
        return None
    try:
        return parse_upload_id(text)
    except NoSuchUpload as error:
        raise InvalidArgument(
            "Invalid uploadId marker", ArgumentName="upload-id-marker", ArgumentValue=text
        ) from error


def _is_url_encoded(request: S3Request) -> bool:
    encoding = request.query.get("encoding-type")
    if encoding not in (None, "", "url"):
        raise InvalidArgument(
            "Invalid Encoding Method specified in Request",
            ArgumentName="encoding-type",
            ArgumentValue=encoding or "",
        )
    return encoding == "url"


def _owners(gateway: Gateway, uploads: list[ListedUpload]) -> Mapping[str, Owner]:
    """Everybody whom the uploads name, by canonical id."""
    owners: dict[str, Owner] = {}
    with gateway.index.snapshot() as snapshot:
        for listed in uploads:
            for owner_id in (listed.upload.template.owner_id, listed.upload.initiator_id):
                if owner_id not in owners:
                    name = display_name_of(gateway.settings, snapshot, owner_id)
                    owners[owner_id] = Owner(owner_id, name)
    return owners


def _entry(listed: ListedUpload, owners: Mapping[str, Owner]) -> UploadEntry:
    upload = listed.upload
    return UploadEntry(
        key=listed.key,
        upload_id=upload.upload_id.hex(),
        initiator=owners[upload.initiator_id],
        owner=owners[upload.template.owner_id],
        initiated_ms=HlcTimestamp(upload.initiated_hlc).physical_ms,
        storage_class=upload.template.storage_class,
        checksum_algorithm=upload.checksum_algorithm,
        checksum_type=upload.checksum_type,
    )
