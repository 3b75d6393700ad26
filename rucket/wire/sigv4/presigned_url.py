"""Authentication by the query: presigned URLs.

The six parameters are ``X-Amz-Algorithm``, ``-Credential``, ``-Date``, ``-Expires``,
``-SignedHeaders`` and ``-Signature``; ``X-Amz-Security-Token`` and ``X-Amz-Content-Sha256`` may
join them. All but the signature are signed. Source: S3 API Reference, "Authenticating Requests:
Using Query Parameters".
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from rucket.model.errors import (
    AccessDenied,
    AuthorizationQueryParametersError,
)
from rucket.wire.sigv4.payload_hash import UNSIGNED_PAYLOAD, DeclaredPayload, parse_payload_hash
from rucket.wire.sigv4.signature import (
    ALGORITHM,
    SKEW_MS_MAX,
    MalformedClaimError,
    ParsedSignature,
    SigningContext,
    check_headers_are_signed,
    parse_credential,
    split_signed_headers,
    verify_signature,
)
from rucket.wire.timestamps import format_iso8601, parse_basic

if TYPE_CHECKING:
    from rucket.wire.sigv4.canonical_request import SignedRequest

EXPIRES_S_MAX = 7 * 24 * 3600
_EXPIRES_DIGITS_MAX = 10
_REQUIRED = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Signature",
    "X-Amz-Date",
    "X-Amz-SignedHeaders",
    "X-Amz-Expires",
)


def parse(request: SignedRequest, region: str) -> ParsedSignature:
    """Read what the query claims.

    Args:
        request: one whose query has an ``X-Amz-Algorithm``.
        region: the server's.

    Raises:
        AuthorizationQueryParametersError: a parameter is missing, repeated or wrong.
        MissingSecurityHeader: there is no ``host`` header.
        AccessDenied: a header that matters isn't signed.
        InvalidArgument: a declared payload hash that means nothing.
    """
    parameters = _parameters(request.raw_query)
    if not all(parameters.get(name) for name in _REQUIRED):
        raise AuthorizationQueryParametersError(
            "Query-string authentication version 4 requires the X-Amz-Algorithm, "
            "X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and "
            "X-Amz-Expires parameters."
        )
    if parameters["X-Amz-Algorithm"] != ALGORITHM:
        raise AuthorizationQueryParametersError(f'X-Amz-Algorithm only supports "{ALGORITHM}"')
    expires_s = _expires(parameters["X-Amz-Expires"])
    timestamp = parameters["X-Amz-Date"]
    timestamp_ms = parse_basic(timestamp)
    if timestamp_ms is None:
        raise AuthorizationQueryParametersError(
            "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\""
        )
    try:
        scope = parse_credential(parameters["X-Amz-Credential"], region)
        names, signed = split_signed_headers(parameters["X-Amz-SignedHeaders"])
    except MalformedClaimError as malformed:
        raise _malformed_claim(malformed) from malformed
    if not timestamp.startswith(scope.day):
        raise AuthorizationQueryParametersError(
            f'Invalid credential date "{scope.day}". This date is not the same as X-Amz-Date: '
            f'"{timestamp[:8]}".'
        )
    check_headers_are_signed(request.headers, signed)
    return ParsedSignature(
        access_key_id=scope.access_key_id,
        scope=scope,
        signed_headers=names,
        signature=parameters["X-Amz-Signature"],
        timestamp=timestamp,
        timestamp_ms=timestamp_ms,
        payload=_payload(request, parameters),
        expires_s=expires_s,
        security_token=parameters.get(
            "X-Amz-Security-Token", request.headers.get("x-amz-security-token")
        ),
    )


def verify(
    request: SignedRequest, parsed: ParsedSignature, secret_access_key: str, now_ms: int
) -> SigningContext:
    """Check the signature, and that the URL is valid now.

    Raises:
        AccessDenied: it has expired, or was made more than 15 minutes in the future.
        SignatureDoesNotMatch: the secret or the request isn't the one that was signed with.
    """
    expires_s = parsed.expires_s or 0
    expires_ms = parsed.timestamp_ms + expires_s * 1000
    if now_ms > expires_ms or not expires_s:
        raise AccessDenied(
            "Request has expired",
            **{
                "X-Amz-Expires": str(expires_s),
                "Expires": format_iso8601(expires_ms),
                "ServerTime": format_iso8601(now_ms),
            },
        )
    if parsed.timestamp_ms - now_ms > SKEW_MS_MAX:
        raise AccessDenied("Request is not valid yet", ServerTime=format_iso8601(now_ms))
    return verify_signature(
        request, parsed, secret_access_key, without_parameter=b"X-Amz-Signature"
    )


def _parameters(raw_query: bytes) -> dict[str, str]:
    """The ``X-Amz-`` parameters of the query, each at most once."""
    parameters: dict[str, str] = {}
    for parameter in raw_query.split(b"&"):
        raw_name, _, raw_value = parameter.partition(b"=")
        name = _decoded(raw_name)
        if not name.startswith("X-Amz-"):
            continue
        if name in parameters:
            raise AuthorizationQueryParametersError(f"{name} must be given only once")
        parameters[name] = _decoded(raw_value)
    return parameters


def _decoded(raw: bytes) -> str:
    return (unquote_to_bytes(raw) if b"%" in raw else raw).decode("latin-1")


def _expires(text: str) -> int:
    """Seconds; 0 is a lifetime that S3 accepts here and has expired when it is looked at."""
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):
        raise AuthorizationQueryParametersError("X-Amz-Expires should be a number")
    if text != digits:
        raise AuthorizationQueryParametersError("X-Amz-Expires must be non-negative")
    if len(digits) > _EXPIRES_DIGITS_MAX or int(digits) > EXPIRES_S_MAX:
        raise AuthorizationQueryParametersError(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given "
            f"X-Amz-Expires must be less than {EXPIRES_S_MAX} seconds"
        )
    return int(digits)


def _malformed_claim(malformed: MalformedClaimError) -> AuthorizationQueryParametersError:
    message = f"The authorization query parameters are malformed; {malformed.reason}"
    if malformed.region:
        return AuthorizationQueryParametersError(message, Region=malformed.region)
    return AuthorizationQueryParametersError(message)


def _payload(request: SignedRequest, parameters: dict[str, str]) -> DeclaredPayload:
    """A presigned URL doesn't know its body, unless it says so."""
    declared = request.headers.get("x-amz-content-sha256")
    if declared is None:
        declared = parameters.get("X-Amz-Content-Sha256")
    return UNSIGNED_PAYLOAD if declared is None else parse_payload_hash(declared)
