"""GetBucketAcl and GetObjectAcl: the owner has full control, nobody else has any.

Source: S3 API Reference, "GetBucketAcl", "GetObjectAcl".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.model.errors import NoSuchKey
from rucket.service.buckets import authorized_bucket
from rucket.service.users import display_name_of
from rucket.state.rows import find_object
from rucket.wire.operation import S3Request, S3Response
from rucket.wire.xml.escaping import escape
from rucket.wire.xml.writer import DECLARATION, NAMESPACE

if TYPE_CHECKING:
    from rucket.service.gateway import Gateway

_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"


async def get_bucket_acl(request: S3Request, gateway: Gateway) -> S3Response:
    """The one grant that a bucket has."""
    assert request.bucket is not None
    with gateway.index.snapshot() as snapshot:
        bucket = authorized_bucket(snapshot, request.requester, "s3:GetBucketAcl", request.bucket)
        display_name = display_name_of(gateway.settings, snapshot, bucket.owner_id)
    return _full_control(bucket.owner_id, display_name)


async def get_object_acl(request: S3Request, gateway: Gateway) -> S3Response:
    """The one grant that an object has."""
    assert request.bucket is not None
    assert request.key is not None
    with gateway.index.snapshot() as snapshot:
        bucket = authorized_bucket(snapshot, request.requester, "s3:GetObjectAcl", request.bucket)
        metadata = find_object(snapshot, bucket.bucket_id, request.key)
        if metadata is None:
            raise NoSuchKey(Key=request.key)
        display_name = display_name_of(gateway.settings, snapshot, metadata.owner_id)
    return _full_control(metadata.owner_id, display_name)


def _full_control(owner_id: str, display_name: str) -> S3Response:
    owner = f"<ID>{escape(owner_id)}</ID><DisplayName>{escape(display_name)}</DisplayName>"
    document = (
        f'{DECLARATION}<AccessControlPolicy xmlns="{NAMESPACE}"><Owner>{owner}</Owner>'
        f'<AccessControlList><Grant><Grantee xmlns:xsi="{_INSTANCE}" xsi:type="CanonicalUser">'
        f"{owner}</Grantee><Permission>FULL_CONTROL</Permission></Grant></AccessControlList>"
        "</AccessControlPolicy>"
    )
    return S3Response(headers=[("content-type", "application/xml")], body=document.encode())
