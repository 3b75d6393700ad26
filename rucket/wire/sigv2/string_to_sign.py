"""The string to sign of Signature Version 2, one line each.

::

    method
    Content-MD5
    Content-Type
    date                empty when x-amz-date is signed; when the URL expires, for a signed URL
    x-amz-name:value    one line for each header, sorted
    resource            /bucket/key?subresources

Body, host and all other headers and parameters stay unsigned. The path is signed as it stands on
the request line, the values of parameters decoded. Everything is kept as latin-1 text, one
character for one byte of the request, and is turned into bytes once. No I/O. Source: S3 User Guide,
"Signing and authenticating REST requests" (RESTAuthentication), "Constructing the
CanonicalizedResource element".
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rucket.wire.sigv4.canonical_request import SignedRequest

BLANKS = " \t"
"""What may stand around a header's value and isn't signed."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SIGNED_PARAMETERS = _words(
    """
    accelerate acl analytics cors defaultObjectAcl delete inventory lifecycle location logging
    metrics notification object-lock partNumber policy replication requestPayment restore select
    select-type storageClass tagging torrent uploadId uploads versionId versioning versions website
    response-cache-control response-content-disposition response-content-encoding
    response-content-language response-content-type response-expires
    """
)
"""What the user guide names, and what clients sign besides."""

URL_SIGNED_PARAMETERS = SIGNED_PARAMETERS | _words(
    """
    Action abac append attributes encryption events intelligent-tiering legal-hold
    metadataConfiguration metadataInventoryTable metadataJournalTable metadataTable
    ownershipControls policyStatus publicAccessBlock renameObject retention session
    """
)
"""What makes another operation of a request, so that nobody who got a URL can add it.

These are younger than the signature: clients leave them unsigned, in headers and in URLs. In a
header that is borne, as only the owner of the secret sends it; a URL goes to other people.
"""


def decoded_parameters(raw_query: bytes) -> Iterator[tuple[str, str | None]]:
    """Names and values of a query in order, decoded; a name without ``=`` has None."""
    for parameter in raw_query.split(b"&"):
        if parameter:
            name, separator, value = parameter.partition(b"=")
            yield _decode(name), _decode(value) if separator else None


def strings_to_sign(
    request: SignedRequest, date: str, bucket_of_host: str, signed_parameters: frozenset[str]
) -> list[str]:
    """The text whose HMAC is the signature, in each way in which clients write it.

    Args:
        request: the request.
        date: the fourth line.
        bucket_of_host: the bucket, in virtual-host style; otherwise empty, as the path has it.
        signed_parameters: decoded names of those parameters that belong to the resource.

    Returns:
        One to four texts, all of them for this request and no other; the first is as it was sent.
    """
    headers = request.headers
    before_resource = (
        f"{request.method}\n"
        f"{headers.get('content-md5', '').strip(BLANKS)}\n"
        f"{headers.get('content-type', '').strip(BLANKS)}\n"
        f"{date}\n"
        f"{_amz_headers(headers)}"
    )
    return [
        f"{before_resource}{path}{subresources}"
        for path in _paths(request.raw_path.decode("latin-1"), bucket_of_host)
        for subresources in _subresources(request.raw_query, signed_parameters)
    ]


def _amz_headers(headers: Mapping[str, str]) -> str:
    names = sorted([name for name in headers if name.startswith("x-amz-")])
    return "".join([f"{name}:{headers[name].strip(BLANKS)}\n" for name in names])


def _paths(path: str, bucket_of_host: str) -> list[str]:
    """The path; that of a bucket also with the slash at its end, or without.

    botocore signs ``/bucket/`` and sends ``/bucket``; others sign what they send.
    """
    if bucket_of_host:
        path = f"/{bucket_of_host}{path}"
    bucket = path[1:].removesuffix("/")
    if not bucket or "/" in bucket:
        return [path]
    return [path, path.removesuffix("/") if path.endswith("/") else f"{path}/"]


def _subresources(raw_query: bytes, signed_parameters: frozenset[str]) -> list[str]:
    """``?name=value&name``; if there are empty values also without their ``=``.

    Clients in Go sign ``acl`` and send ``acl=``.
    """
    signed = [
        (name, value) for name, value in decoded_parameters(raw_query) if name in signed_parameters
    ]
    if not signed:
        return [""]
    signed.sort(key=lambda parameter: parameter[0])
    as_sent = "&".join([name if value is None else f"{name}={value}" for name, value in signed])
    if all(value != "" for _, value in signed):
        return [f"?{as_sent}"]
    without = "&".join([f"{name}={value}" if value else name for name, value in signed])
    return [f"?{as_sent}", f"?{without}"]


def _decode(raw: bytes) -> str:
    return (unquote_to_bytes(raw) if b"%" in raw else raw).decode("latin-1")
