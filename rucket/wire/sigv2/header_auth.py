"""Authentication by the ``Authorization`` header, Signature Version 2.

::

    Authorization: AWS AKID:base64(HMAC-SHA1(secret, string to sign))

Source: S3 User Guide, "Signing and authenticating REST requests" (RESTAuthentication), "The
authentication header" and "Time stamp requirement".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.model.errors import AccessDenied, InvalidArgument, RequestTimeTooSkewed
from rucket.wire.sigv2.signature import ParsedSignature, verify_signature
from rucket.wire.sigv2.string_to_sign import BLANKS
from rucket.wire.sigv4.signature import SKEW_MS_MAX
from rucket.wire.timestamps import format_iso8601, parse_basic, parse_http_date

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rucket.wire.sigv4.canonical_request import SignedRequest

SCHEME = "AWS"


def parse(request: SignedRequest) -> ParsedSignature:
    """Read what the ``Authorization`` header claims.

    Args:
        request: one whose ``authorization`` header begins with the scheme.

    Raises:
        InvalidArgument: the header isn't an access key and a signature.
        AccessDenied: there is no date, or it can't be read or lies before 1970.
    """
    headers = request.headers
    value = headers["authorization"]
    access_key_id, _, signature = value.removeprefix(SCHEME).strip(BLANKS).rpartition(":")
    if not (access_key_id and signature):
        raise InvalidArgument(
            "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature",
            ArgumentName="Authorization",
            ArgumentValue=value,
        )
    date, moment_ms = _date(headers)
    return ParsedSignature(
        access_key_id=access_key_id,
        signature=signature,
        date=date,
        moment_ms=moment_ms,
        is_url=False,
        security_token=headers.get("x-amz-security-token"),
    )


def verify(
    request: SignedRequest,
    parsed: ParsedSignature,
    secret_access_key: str,
    bucket_of_host: str,
    now_ms: int,
) -> None:
    """Check the signature, and that it was made less than 15 minutes from now.

    Raises:
        RequestTimeTooSkewed: the client's clock and ours differ too much.
        SignatureDoesNotMatch: the secret or the request isn't the one that was signed with.
    """
    if abs(now_ms - parsed.moment_ms) > SKEW_MS_MAX:
        raise RequestTimeTooSkewed(
            RequestTime=request.headers.get("x-amz-date", parsed.date),
            ServerTime=format_iso8601(now_ms),
            MaxAllowedSkewMilliseconds=str(SKEW_MS_MAX),
        )
    verify_signature(request, parsed, secret_access_key, bucket_of_host)


def _date(headers: Mapping[str, str]) -> tuple[str, int]:
    """The fourth line of the string to sign, and the moment.

    ``x-amz-date`` goes before ``date`` and is signed among the headers, so that the line is empty.
    """
    text = headers.get("x-amz-date")
    line = ""
    if text is None:
        line = text = headers.get("date", "").strip(BLANKS)
    text = text.strip(BLANKS)
    moment_ms = parse_http_date(text)
    if moment_ms is None:
        moment_ms = parse_basic(text)
    if moment_ms is None or moment_ms < 0:
        raise AccessDenied("AWS authentication requires a valid Date or x-amz-date header")
    return line, moment_ms
