"""The way in: which kind of authentication a request uses, and its two steps.

``parse`` then ``verify`` serve both kinds; a request without either is anonymous. Source: S3 API
Reference, "Authenticating Requests (AWS Signature Version 4)".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.model.errors import InvalidArgument, InvalidRequest
from rucket.wire.sigv4 import header_auth, presigned_url
from rucket.wire.sigv4.signature import UNSUPPORTED_MECHANISM, ParsedSignature, SigningContext

if TYPE_CHECKING:
    from rucket.wire.sigv4.canonical_request import SignedRequest


def parse(request: SignedRequest, region: str) -> ParsedSignature | None:
    """Read the request's claim to be signed.

    Args:
        request: the request.
        region: the server's; an empty one and ``us-east-1`` are accepted as well.

    Returns:
        The claim, or None when the request is anonymous.

    Raises:
        InvalidArgument: it is signed in two ways, or ``parse`` of either kind says so.
        InvalidRequest: it is signed by version 2 (`rucket.wire.sigv2` takes those), or ``parse``
            of either kind says so.
        S3Error: what else ``parse`` of either kind raises.
    """
    query = request.raw_query
    if "authorization" in request.headers:
        if is_presigned(query):
            raise several_mechanisms(request.headers["authorization"])
        return header_auth.parse(request, region)
    if is_presigned(query):
        return presigned_url.parse(request, region)
    if b"AWSAccessKeyId" in query and _has_parameter(query, b"AWSAccessKeyId"):
        raise InvalidRequest(UNSUPPORTED_MECHANISM)
    return None


def is_presigned(raw_query: bytes) -> bool:
    """Whether the query claims to be signed by version 4, however badly."""
    return b"X-Amz-" in raw_query and (
        _has_parameter(raw_query, b"X-Amz-Algorithm")
        or _has_parameter(raw_query, b"X-Amz-Signature")
    )


def several_mechanisms(authorization: str) -> InvalidArgument:
    """The error for a request that is signed in two ways, so that nobody knows who is meant."""
    return InvalidArgument(
        "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, "
        "Signature query string parameter or the Authorization header should be specified",
        ArgumentName="Authorization",
        ArgumentValue=authorization,
    )


def verify(
    request: SignedRequest, parsed: ParsedSignature, secret_access_key: str, now_ms: int
) -> SigningContext:
    """Check the claim with the secret of ``parsed.access_key_id``.

    Raises:
        SignatureDoesNotMatch: the secret or the request isn't the one that was signed with.
        RequestTimeTooSkewed: header authentication, clocks more than 15 minutes apart.
        AccessDenied: presigned URL, expired or not valid yet.
    """
    if parsed.expires_s is None:
        return header_auth.verify(request, parsed, secret_access_key, now_ms)
    return presigned_url.verify(request, parsed, secret_access_key, now_ms)


def _has_parameter(raw_query: bytes, name: bytes) -> bool:
    parameters = b"&" + raw_query + b"&"
    return b"&" + name + b"=" in parameters or b"&" + name + b"&" in parameters
