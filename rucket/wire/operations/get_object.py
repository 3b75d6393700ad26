"""GetObject. Source: S3 API Reference, GetObject."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.service.objects import current_object_with_content, open_object
from rucket.service.reading import ContentStream
from rucket.wire.object_reading import select_object
from rucket.wire.object_request import key_of, object_bucket

if TYPE_CHECKING:
    from rucket.model.records import Content, ObjectMetadata
    from rucket.ports.index import Snapshot
    from rucket.service.gateway import Gateway
    from rucket.wire.operation import S3Request, S3Response


async def get_object(request: S3Request, gateway: Gateway) -> S3Response:
    """Sends an object, or a range or part of it."""
    selection = select_object(request, gateway, "s3:GetObject")

    def find(snapshot: Snapshot) -> tuple[ObjectMetadata, Content]:
        bucket = object_bucket(snapshot, request, "s3:GetObject")
        return current_object_with_content(snapshot, bucket, key_of(request))

    opened = await open_object(gateway, find, selection)
    response = selection.respond(opened.metadata, opened.span)
    if isinstance(opened.body, ContentStream):
        assert opened.span is not None, "there is no stream of nothing"
        response.headers.append(("content-length", str(opened.span.size_bytes)))
        response.body = opened.body
    else:
        response.body = opened.body
    return response
