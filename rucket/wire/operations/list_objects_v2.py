"""ListObjectsV2. Source: S3 API Reference, "ListObjectsV2"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.model.errors import InvalidArgument
from rucket.service import buckets, listing
from rucket.service.continuation_tokens import make_token, read_token
from rucket.wire.listed_owners import owners_of
from rucket.wire.listing_parameters import parse_limit, parse_url_encoding
from rucket.wire.operation import S3Request, S3Response
from rucket.wire.xml.documents import ListBucketResultV2
from rucket.wire.xml.writer import write_list_bucket_v2

if TYPE_CHECKING:
    from rucket.service.gateway import Gateway


async def list_objects_v2(request: S3Request, gateway: Gateway) -> S3Response:
    """A page of the objects of a bucket.

    A continuation token wins over `start-after`; both are echoed. An empty token is none.
    """
    assert request.bucket is not None
    bucket = buckets.head_bucket(gateway, request.requester, "s3:ListBucket", request.bucket)
    parameters = request.query
    if parameters.single("list-type") != "2":
        raise InvalidArgument(
            "Invalid List Type specified in Request",
            ArgumentName="list-type",
            ArgumentValue=parameters.single("list-type") or "",
        )
    token = parameters.single("continuation-token")
    start_after = parameters.single("start-after")
    query = listing.ListingQuery(
        bucket_id=bucket.bucket_id,
        prefix=parameters.single("prefix") or "",
        delimiter=parameters.single("delimiter") or "",
        after=read_token(token) if token else start_after or "",
        limit=parse_limit(parameters),
    )
    url_encoded = parse_url_encoding(parameters)
    page = await listing.list_objects(gateway, query)
    with_owner = (parameters.single("fetch-owner") or "").lower() == "true"
    result = ListBucketResultV2(
        bucket=bucket.name,
        prefix=query.prefix,
        delimiter=query.delimiter,
        max_keys=query.limit,
        is_truncated=page.is_truncated,
        entries=page.objects,
        common_prefixes=page.common_prefixes,
        continuation_token=token,
        next_continuation_token=None if page.next_after is None else make_token(page.next_after),
        start_after=start_after,
        owners=owners_of(gateway, page.objects) if with_owner else {},
        url_encoded=url_encoded,
    )
    return S3Response(
        headers=[("content-type", "application/xml")], body=write_list_bucket_v2(result)
    )
