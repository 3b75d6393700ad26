"""HeadObject. Source: S3 API Reference, HeadObject."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.service.objects import current_object
from rucket.wire.object_reading import select_object
from rucket.wire.object_request import key_of, object_bucket

if TYPE_CHECKING:
    from rucket.service.gateway import Gateway
    from rucket.wire.operation import S3Request, S3Response


async def head_object(request: S3Request, gateway: Gateway) -> S3Response:
    """Answers as GetObject would, without the body."""
    selection = select_object(request, gateway, "s3:GetObject")
    with gateway.index.snapshot() as snapshot:
        bucket = object_bucket(snapshot, request, "s3:GetObject")
        metadata = current_object(snapshot, bucket, key_of(request))
    span = selection(metadata)
    response = selection.respond(metadata, span)
    if span is not None:
        response.headers.append(("content-length", str(span.size_bytes)))
    return response
