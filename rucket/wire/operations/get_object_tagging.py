"""GetObjectTagging: objects have no tags yet. Source: S3 API Reference, "GetObjectTagging"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.model.errors import NoSuchKey
from rucket.service.buckets import authorized_bucket
from rucket.state.rows import find_object
from rucket.wire.operation import S3Request, S3Response
from rucket.wire.xml.escaping import escape
from rucket.wire.xml.writer import DECLARATION, NAMESPACE

if TYPE_CHECKING:
    from rucket.service.gateway import Gateway


async def get_object_tagging(request: S3Request, gateway: Gateway) -> S3Response:
    """The tags of an object, by key."""
    assert request.bucket is not None
    assert request.key is not None
    with gateway.index.snapshot() as snapshot:
        bucket = authorized_bucket(
            snapshot, request.requester, "s3:GetObjectTagging", request.bucket
        )
        metadata = find_object(snapshot, bucket.bucket_id, request.key)
    if metadata is None:
        raise NoSuchKey(Key=request.key)
    tags = "".join(
        f"<Tag><Key>{escape(key)}</Key><Value>{escape(value)}</Value></Tag>"
        for key, value in sorted(metadata.tags.items())
    )
    document = f'{DECLARATION}<Tagging xmlns="{NAMESPACE}"><TagSet>{tags}</TagSet></Tagging>'
    return S3Response(headers=[("content-type", "application/xml")], body=document.encode())
