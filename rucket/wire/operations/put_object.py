"""PutObject. Source: S3 API Reference, PutObject."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.service import objects
from rucket.wire.checksums import parse_declared_checksum
from rucket.wire.kept_checksum import ChecksummedBody
from rucket.wire.object_reading import written_headers
from rucket.wire.object_request import (
    describe_object,
    find_object_bucket,
    key_of,
    write_condition,
)
from rucket.wire.operation import S3Response
from rucket.wire.server_side_encryption import encrypting_as_asked

if TYPE_CHECKING:
    from rucket.service.gateway import Gateway
    from rucket.wire.operation import S3Request


async def put_object(request: S3Request, gateway: Gateway) -> S3Response:
    """Makes a new current version of an object of the request's body."""
    bucket = find_object_bucket(gateway, request, "s3:PutObject")
    description = describe_object(request.headers)
    body = ChecksummedBody(request.body, parse_declared_checksum(request.headers))
    stored = await objects.put_object(
        encrypting_as_asked(request.headers, gateway),
        bucket,
        key_of(request),
        objects.new_metadata(description, request.requester.canonical_id),
        body,
        write_condition(request.headers),
    )
    return S3Response(headers=written_headers(stored))
