"""ListBuckets. Source: S3 API Reference, "ListBuckets"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.model.hlc import HlcTimestamp
from rucket.service import buckets
from rucket.service.continuation_tokens import make_token, read_token
from rucket.wire.listing_parameters import parse_limit
from rucket.wire.operation import S3Request, S3Response
from rucket.wire.xml.documents import BucketEntry, ListAllMyBucketsResult, Owner
from rucket.wire.xml.writer import write_list_all_my_buckets

if TYPE_CHECKING:
    from rucket.service.gateway import Gateway

BUCKETS_MAX = 10_000


async def list_buckets(request: S3Request, gateway: Gateway) -> S3Response:
    """The requester's buckets, by name."""
    token = request.query.single("continuation-token")
    limit = parse_limit(request.query, "max-buckets", default=BUCKETS_MAX, at_least=1)
    page = await buckets.list_buckets(
        gateway,
        request.requester,
        prefix=request.query.single("prefix") or "",
        after=read_token(token) if token else "",
        limit=limit,
    )
    result = ListAllMyBucketsResult(
        owner=Owner(request.requester.canonical_id, request.requester.display_name),
        buckets=[
            BucketEntry(
                bucket.name,
                HlcTimestamp(bucket.created_hlc).physical_ms,
                bucket.location or gateway.settings.region,
            )
            for bucket in page.buckets
        ],
        prefix=request.query.single("prefix") or None,
        continuation_token=None if page.next_after is None else make_token(page.next_after),
    )
    return S3Response(
        headers=[("content-type", "application/xml")], body=write_list_all_my_buckets(result)
    )
