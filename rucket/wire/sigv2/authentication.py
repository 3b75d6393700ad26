"""The way in: whether a request is signed by Signature Version 2, and its two steps.

``parse`` then ``verify`` serve both kinds, header and query. The signature is older than the other,
covers less and is what boto3, the AWS CLI and s3cmd still sign URLs with unasked. Source: S3 User
Guide, "Signing and authenticating REST requests" (RESTAuthentication).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.wire.sigv2 import header_auth, presigned_url
from rucket.wire.sigv4.authentication import is_presigned, several_mechanisms

if TYPE_CHECKING:
    from rucket.wire.sigv2.signature import ParsedSignature
    from rucket.wire.sigv4.canonical_request import SignedRequest

_ACCESS_KEY_ID = b"AWSAccessKeyId="
_SCHEMES = (f"{header_auth.SCHEME} ", header_auth.SCHEME)
_LONGEST_SCHEME = len(_SCHEMES[0])


def is_claimed(request: SignedRequest) -> bool:
    """Whether the request claims to be signed by version 2, however badly.

    An ``Authorization`` header goes before the query: one of another scheme is for others to judge.
    On the way of every request.
    """
    authorization = request.headers.get("authorization")
    if authorization is None:
        return bool(request.raw_query) and _is_signed_url(request.raw_query)
    return authorization[:_LONGEST_SCHEME] in _SCHEMES


def parse(request: SignedRequest) -> ParsedSignature:
    """Read the claim of a request that has one.

    Raises:
        InvalidArgument: it is signed in two ways, or the header is malformed.
        AccessDenied: a parameter or the date is missing or unreadable.
    """
    authorization = request.headers.get("authorization")
    is_url = _is_signed_url(request.raw_query)
    if is_presigned(request.raw_query) or (is_url and authorization is not None):
        raise several_mechanisms(authorization or "")
    return presigned_url.parse(request) if is_url else header_auth.parse(request)


def verify(
    request: SignedRequest,
    parsed: ParsedSignature,
    secret_access_key: str,
    bucket_of_host: str,
    now_ms: int,
) -> None:
    """Check the claim with the secret of ``parsed.access_key_id``.

    Args:
        request: the request.
        parsed: its claim.
        secret_access_key: the secret.
        bucket_of_host: the bucket, in virtual-host style; otherwise empty.
        now_ms: the moment.

    Raises:
        SignatureDoesNotMatch: the secret or the request isn't the one that was signed with.
        RequestTimeTooSkewed: header authentication, clocks more than 15 minutes apart.
        AccessDenied: signed URL, expired.
    """
    check = presigned_url.verify if parsed.is_url else header_auth.verify
    check(request, parsed, secret_access_key, bucket_of_host, now_ms)


def _is_signed_url(raw_query: bytes) -> bool:
    return _ACCESS_KEY_ID in raw_query and b"&" + _ACCESS_KEY_ID in b"&" + raw_query
