"""ListObjects, version 1. Source: S3 API Reference, "ListObjects"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.service import buckets, listing
from rucket.wire.listed_owners import owners_of
from rucket.wire.listing_parameters import parse_limit, parse_url_encoding
from rucket.wire.operation import S3Request, S3Response
from rucket.wire.xml.documents import ListBucketResult
from rucket.wire.xml.writer import write_list_bucket

if TYPE_CHECKING:
    from rucket.service.gateway import Gateway


async def list_objects(request: S3Request, gateway: Gateway) -> S3Response:
    """A page of the objects of a bucket.

    NextMarker is given only with a delimiter; without one the client takes the last key.
    """
    assert request.bucket is not None
    bucket = buckets.head_bucket(gateway, request.requester, "s3:ListBucket", request.bucket)
    parameters = request.query
    query = listing.ListingQuery(
        bucket_id=bucket.bucket_id,
        prefix=parameters.single("prefix") or "",
        delimiter=parameters.single("delimiter") or "",
        after=parameters.single("marker") or "",
        limit=parse_limit(parameters),
    )
    url_encoded = parse_url_encoding(parameters)
    page = await listing.list_objects(gateway, query)
    result = ListBucketResult(
        bucket=bucket.name,
        prefix=query.prefix,
        marker=query.after,
        delimiter=query.delimiter,
        max_keys=query.limit,
        is_truncated=page.is_truncated,
        entries=page.objects,
        common_prefixes=page.common_prefixes,
        next_marker=page.next_after if query.delimiter else None,
        owners=owners_of(gateway, page.objects),
        url_encoded=url_encoded,
    )
    return S3Response(headers=[("content-type", "application/xml")], body=write_list_bucket(result))
