"""Authentication by the ``Authorization`` header.

::

    Authorization: AWS4-HMAC-SHA256 Credential=AKID/20130524/us-east-1/s3/aws4_request,
                   SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=<64 hex digits>

On the way of every request: no regular expression, no dictionary that isn't needed. Source: S3
API Reference, "Authenticating Requests: Using the Authorization Header".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.model.errors import (
    AccessDenied,
    AuthorizationHeaderMalformed,
    InvalidArgument,
    InvalidRequest,
    RequestTimeTooSkewed,
    S3Error,
)
from rucket.wire.sigv4.payload_hash import parse_payload_hash
from rucket.wire.sigv4.signature import (
    ALGORITHM,
    SKEW_MS_MAX,
    UNSUPPORTED_MECHANISM,
    MalformedClaimError,
    ParsedSignature,
    SigningContext,
    check_headers_are_signed,
    parse_credential,
    split_signed_headers,
    verify_signature,
)
from rucket.wire.timestamps import format_basic, format_iso8601, parse_basic, parse_http_date

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rucket.wire.sigv4.canonical_request import SignedRequest


def parse(request: SignedRequest, region: str) -> ParsedSignature:
    """Read what the ``Authorization`` header claims.

    Args:
        request: one that has an ``authorization`` header.
        region: the server's.

    Raises:
        AuthorizationHeaderMalformed: a component is missing or wrong; for a wrong region the
            error names the right one.
        InvalidRequest: Signature Version 2, or no ``x-amz-content-sha256``.
        InvalidArgument: another scheme, or an ``x-amz-content-sha256`` that means nothing.
        MissingSecurityHeader: there is no ``host`` header.
        AccessDenied: no date, or a header that matters isn't signed.
    """
    headers = request.headers
    credential, signed_headers, signature = _components(headers["authorization"])
    try:
        scope = parse_credential(credential, region)
        names, signed = split_signed_headers(signed_headers)
    except MalformedClaimError as malformed:
        raise _malformed(malformed.reason, malformed.region) from malformed
    timestamp, timestamp_ms = _timestamp(headers)
    if not timestamp.startswith(scope.day):
        raise _malformed(
            f'Invalid credential date "{scope.day}". This date is not the same as X-Amz-Date: '
            f'"{timestamp[:8]}".'
        )
    declared = headers.get("x-amz-content-sha256")
    if declared is None:
        raise InvalidRequest("Missing required header for this request: x-amz-content-sha256")
    check_headers_are_signed(headers, signed)
    return ParsedSignature(
        access_key_id=scope.access_key_id,
        scope=scope,
        signed_headers=names,
        signature=signature,
        timestamp=timestamp,
        timestamp_ms=timestamp_ms,
        payload=parse_payload_hash(declared),
        security_token=headers.get("x-amz-security-token"),
    )


def verify(
    request: SignedRequest, parsed: ParsedSignature, secret_access_key: str, now_ms: int
) -> SigningContext:
    """Check the signature, and that it was made less than 15 minutes from now.

    Raises:
        RequestTimeTooSkewed: the client's clock and ours differ too much.
        SignatureDoesNotMatch: the secret or the request isn't the one that was signed with.
    """
    if abs(now_ms - parsed.timestamp_ms) > SKEW_MS_MAX:
        raise RequestTimeTooSkewed(
            RequestTime=parsed.timestamp,
            ServerTime=format_iso8601(now_ms),
            MaxAllowedSkewMilliseconds=str(SKEW_MS_MAX),
        )
    return verify_signature(request, parsed, secret_access_key)


def _components(value: str) -> tuple[str, str, str]:
    """Credential, SignedHeaders and Signature of the header's value."""
    scheme, _, rest = value.partition(" ")
    if scheme != ALGORITHM:
        raise _unsupported(scheme, value)
    credential = signed_headers = signature = ""
    for component in rest.split(","):
        name, _, text = component.strip().partition("=")
        if name == "Credential":
            credential = text
        elif name == "SignedHeaders":
            signed_headers = text
        elif name == "Signature":
            signature = text
    if not (credential and signed_headers and signature):
        raise _malformed(
            "the authorization header requires three components: Credential, SignedHeaders, "
            "and Signature."
        )
    return credential, signed_headers, signature


def _unsupported(scheme: str, value: str) -> S3Error:
    if scheme == "AWS" or scheme.startswith("AWS4-"):
        return InvalidRequest(UNSUPPORTED_MECHANISM)
    return InvalidArgument(
        "Unsupported Authorization Type", ArgumentName="Authorization", ArgumentValue=value
    )


def _malformed(reason: str, region: str = "") -> AuthorizationHeaderMalformed:
    message = f"The authorization header is malformed; {reason}"
    if region:
        return AuthorizationHeaderMalformed(message, Region=region)
    return AuthorizationHeaderMalformed(message)


def _timestamp(headers: Mapping[str, str]) -> tuple[str, int]:
    """``x-amz-date``, or else ``date``, which is signed as if it had been sent as the former."""
    text = headers.get("x-amz-date")
    if text is not None:
        timestamp_ms = parse_basic(text)
        if timestamp_ms is not None:
            return text, timestamp_ms
    else:
        text = headers.get("date", "")
        timestamp_ms = parse_basic(text)
        if timestamp_ms is None:
            timestamp_ms = parse_http_date(text)
        if timestamp_ms is not None:
            return format_basic(timestamp_ms), timestamp_ms
    raise AccessDenied("AWS authentication requires a valid Date or x-amz-date header")
