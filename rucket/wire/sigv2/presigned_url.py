"""Authentication by the query, Signature Version 2: signed URLs.

::

    ?AWSAccessKeyId=AKID&Expires=1175139620&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D

``Expires`` is the second since 1970 in which the URL expires. Headers that were signed have to be
sent; that some clients write them into the query as well changes nothing. Source: S3 User Guide,
"Signing and authenticating REST requests" (RESTAuthentication), "Query string request
authentication alternative".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.model.errors import AccessDenied
from rucket.wire.sigv2.signature import ParsedSignature, verify_signature
from rucket.wire.sigv2.string_to_sign import decoded_parameters
from rucket.wire.timestamps import format_iso8601

if TYPE_CHECKING:
    from rucket.wire.sigv4.canonical_request import SignedRequest

_REQUIRED = ("AWSAccessKeyId", "Signature", "Expires")
_SECURITY_TOKEN = "x-amz-security-token"  # noqa: S105 -- a name
_EXPIRES_DIGITS_MAX = 12


def parse(request: SignedRequest) -> ParsedSignature:
    """Read what the query claims.

    Raises:
        AccessDenied: a parameter is missing, repeated or unreadable.
    """
    values: dict[str, str] = {}
    security_token = request.headers.get(_SECURITY_TOKEN)
    for name, value in decoded_parameters(request.raw_query):
        if name.lower() == _SECURITY_TOKEN:
            security_token = value or ""
        elif name in _REQUIRED:
            if name in values:
                raise AccessDenied(f"{name} must be given only once")
            values[name] = value or ""
    if not all(values.get(name) for name in _REQUIRED):
        raise AccessDenied(
            "Query-string authentication requires the Signature, Expires and AWSAccessKeyId "
            "parameters"
        )
    expires = values["Expires"]
    return ParsedSignature(
        access_key_id=values["AWSAccessKeyId"],
        signature=values["Signature"],
        date=expires,
        moment_ms=_seconds(expires) * 1000,
        is_url=True,
        security_token=security_token,
    )


def verify(
    request: SignedRequest,
    parsed: ParsedSignature,
    secret_access_key: str,
    bucket_of_host: str,
    now_ms: int,
) -> None:
    """Check the signature, and that the URL hasn't expired.

    Raises:
        AccessDenied: it has.
        SignatureDoesNotMatch: the secret or the request isn't the one that was signed with.
    """
    if now_ms > parsed.moment_ms:
        raise AccessDenied(
            "Request has expired",
            Expires=format_iso8601(parsed.moment_ms),
            ServerTime=format_iso8601(now_ms),
        )
    verify_signature(request, parsed, secret_access_key, bucket_of_host)


def _seconds(text: str) -> int:
    if len(text) > _EXPIRES_DIGITS_MAX or not (text.isascii() and text.isdigit()):
        raise AccessDenied(f"Invalid date (should be seconds since epoch): {text}")
    return int(text)
