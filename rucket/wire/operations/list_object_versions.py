"""ListObjectVersions, of buckets without versioning: every object is its own null version.

Source: S3 API Reference, "ListObjectVersions".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.model.errors import InvalidArgument
from rucket.service import buckets, listing
from rucket.wire.listed_owners import owners_of
from rucket.wire.listing_parameters import parse_limit, parse_url_encoding
from rucket.wire.operation import S3Request, S3Response
from rucket.wire.version_documents import ListVersionsResult, write_list_versions

if TYPE_CHECKING:
    from rucket.service.gateway import Gateway


async def list_object_versions(request: S3Request, gateway: Gateway) -> S3Response:
    """A page of the versions in a bucket. A key has one, so a marker's version id adds nothing."""
    assert request.bucket is not None
    bucket = buckets.head_bucket(
        gateway, request.requester, "s3:ListBucketVersions", request.bucket
    )
    parameters = request.query
    version_id_marker = parameters.single("version-id-marker")
    query = listing.ListingQuery(
        bucket_id=bucket.bucket_id,
        prefix=parameters.single("prefix") or "",
        delimiter=parameters.single("delimiter") or "",
        after=parameters.single("key-marker") or "",
        limit=parse_limit(parameters),
    )
    if version_id_marker is not None and not query.after:
        raise InvalidArgument(
            "A version-id marker cannot be specified without a key marker.",
            ArgumentName="version-id-marker",
            ArgumentValue=version_id_marker,
        )
    url_encoded = parse_url_encoding(parameters)
    page = await listing.list_objects(gateway, query)
    result = ListVersionsResult(
        bucket=bucket.name,
        prefix=query.prefix,
        key_marker=query.after,
        version_id_marker=version_id_marker or "",
        next_key_marker=page.next_after,
        delimiter=query.delimiter,
        max_keys=query.limit,
        entries=page.objects,
        owners=owners_of(gateway, page.objects),
        common_prefixes=page.common_prefixes,
        url_encoded=url_encoded,
    )
    return S3Response(
        headers=[("content-type", "application/xml")], body=write_list_versions(result)
    )
