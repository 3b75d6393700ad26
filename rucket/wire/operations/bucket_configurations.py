"""What can be said of the configurations that no bucket here has yet.

GetBucketVersioning, GetBucketLogging, GetBucketNotificationConfiguration, GetBucketRequestPayment
and GetBucketAccelerateConfiguration answer with the state a bucket has without them. The others
answer that there is none, and deleting one that isn't there succeeds. Setting one isn't
implemented.
Source: S3 API Reference, the page of each operation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.service import buckets
from rucket.wire.operation import Operation, S3Request, S3Response
from rucket.wire.xml.writer import DECLARATION, NAMESPACE

if TYPE_CHECKING:
    from rucket.model.errors import S3Error
    from rucket.service.gateway import Gateway

_XML = ("content-type", "application/xml")


def default_configuration(action: str, root: str, content: str = "") -> Operation:
    """An operation that answers with the document of a bucket that was never configured.

    Args:
        action: what the requester must be allowed to do.
        root: of the document.
        content: of the document.
    """
    document = f'{DECLARATION}<{root} xmlns="{NAMESPACE}">{content}</{root}>'.encode()

    async def operation(request: S3Request, gateway: Gateway) -> S3Response:
        assert request.bucket is not None
        buckets.head_bucket(gateway, request.requester, action, request.bucket)
        return S3Response(headers=[_XML], body=document)

    return operation


def absent_configuration(action: str, absence: type[S3Error]) -> Operation:
    """An operation that answers that there is none.

    Args:
        action: what the requester must be allowed to do.
        absence: S3's error for it.
    """

    async def operation(request: S3Request, gateway: Gateway) -> S3Response:
        assert request.bucket is not None
        buckets.head_bucket(gateway, request.requester, action, request.bucket)
        raise absence(BucketName=request.bucket)

    return operation


def absent_configuration_deletion(action: str) -> Operation:
    """An operation that deletes what isn't there."""

    async def operation(request: S3Request, gateway: Gateway) -> S3Response:
        assert request.bucket is not None
        buckets.head_bucket(gateway, request.requester, action, request.bucket)
        return S3Response(status=204)

    return operation
