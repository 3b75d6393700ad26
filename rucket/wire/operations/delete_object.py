"""DeleteObject. Source: S3 API Reference, DeleteObject."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.model.errors import InvalidArgument
from rucket.service import objects
from rucket.service.objects import Deletion
from rucket.state.commands import DeleteCondition
from rucket.wire.object_request import find_object_bucket, key_of
from rucket.wire.operation import S3Response
from rucket.wire.timestamps import parse_http_date

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rucket.service.gateway import Gateway
    from rucket.wire.operation import S3Request

_NO_CONTENT = 204
_SIZE_DIGITS_MAX = 19


async def delete_object(request: S3Request, gateway: Gateway) -> S3Response:
    """Deletes the current version of an object, if there is one."""
    bucket = find_object_bucket(gateway, request, "s3:DeleteObject")
    condition = _condition(request.headers)
    await objects.delete_object(gateway, bucket, Deletion(key_of(request), condition))
    return S3Response(_NO_CONTENT)


def _condition(headers: Mapping[str, str]) -> DeleteCondition:
    etag = headers.get("if-match")
    size = headers.get("x-amz-if-match-size")
    date = headers.get("x-amz-if-match-last-modified-time")
    return DeleteCondition(
        if_match=None if etag is None else etag.strip().strip('"'),
        if_match_size_bytes=None if size is None else _size(size),
        if_match_last_modified_s=None if date is None else _seconds(date),
    )


def _size(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > _SIZE_DIGITS_MAX:
        raise InvalidArgument(ArgumentName="x-amz-if-match-size", ArgumentValue=text)
    return int(text)


def _seconds(text: str) -> int:
    moment_ms = parse_http_date(text)
    if moment_ms is None:
        raise InvalidArgument(ArgumentName="x-amz-if-match-last-modified-time", ArgumentValue=text)
    return moment_ms // 1000
