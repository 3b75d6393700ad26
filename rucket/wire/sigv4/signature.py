"""What header and query authentication have in common: scopes, and comparing signatures.

Verification has two steps, so that the caller looks up the secret in between::

    parse(request)  ->  ParsedSignature  ->  (secret)  ->  verify(...)  ->  SigningContext

Nothing of a ``ParsedSignature`` is to be believed before ``verify`` has returned. What is made for
every request is a Struct: a frozen dataclass that C fills in, in a tenth of the time. Source: S3
API Reference, "Authenticating Requests (AWS Signature Version 4)".
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from rucket.model.errors import AccessDenied, MissingSecurityHeader, SignatureDoesNotMatch
from rucket.wire.sigv4.canonical_request import SignedRequest, canonical_request, string_to_sign
from rucket.wire.sigv4.signing_key import sign, signing_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rucket.wire.sigv4.payload_hash import DeclaredPayload

ALGORITHM = "AWS4-HMAC-SHA256"
SERVICE = "s3"
SKEW_MS_MAX = 15 * 60 * 1000
_DEFAULT_REGION = "us-east-1"
_REMEMBERED_CREDENTIALS_MAX = 1024
_REMEMBERED_LISTS_MAX = 256
# Anybody can make us remember texts, so that long ones aren't.
_CREDENTIAL_LENGTH_MAX = 256
_REMEMBERED_LIST_LENGTH_MAX = 512
_SCOPE_SEPARATORS = 4
_DAY_LENGTH = 8


UNSUPPORTED_MECHANISM = (
    "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
)


class MalformedClaimError(ValueError):
    """A credential or a list of signed headers can't be read; callers say where it stood.

    Args:
        reason: as S3 words it.
        region: the region that would have been right, when it is the region that is wrong.
    """

    def __init__(self, reason: str, region: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.region = region


@dataclass(frozen=True, slots=True)
class CredentialScope:
    """A credential: who signs, and for which day, region and service."""

    access_key_id: str
    day: str
    region: str
    service: str

    @property
    def text(self) -> str:
        """``day/region/service/aws4_request``, as it is signed."""
        return f"{self.day}/{self.region}/{self.service}/aws4_request"


class ParsedSignature(msgspec.Struct, frozen=True):
    """A request's claim to be signed, not verified yet.

    Args:
        access_key_id: whose secret to look up.
        scope: the whole credential.
        signed_headers: lower-case names in the client's order.
        signature: as given.
        timestamp: ``YYYYMMDDTHHMMSSZ``.
        timestamp_ms: the same in milliseconds.
        payload: what the request declares of its body.
        expires_s: lifetime of a presigned URL, None for header authentication.
        security_token: of temporary credentials, None without.
    """

    access_key_id: str
    scope: CredentialScope
    signed_headers: tuple[str, ...]
    signature: str
    timestamp: str
    timestamp_ms: int
    payload: DeclaredPayload
    expires_s: int | None = None
    security_token: str | None = None


class SigningContext(msgspec.Struct, frozen=True):
    """A verified request: what its body's chunks are signed with.

    Args:
        signing_key: 32 bytes, derived from the secret; never logged.
        scope: ``day/region/service/aws4_request``.
        timestamp: ``YYYYMMDDTHHMMSSZ``.
        seed_signature: the request's signature, which the first chunk's builds on.
        payload: what the request declares of its body.
    """

    signing_key: bytes
    scope: str
    timestamp: str
    seed_signature: str
    payload: DeclaredPayload


def parse_credential(credential: str, region: str) -> CredentialScope:
    """Read ``access key/day/region/service/aws4_request``.

    Clients that know no region sign with an empty one or with ``us-east-1``: both are taken.

    Args:
        credential: as sent; the access key may hold slashes.
        region: the server's.

    Raises:
        MalformedClaimError: it is something else.
    """
    if len(credential) > _CREDENTIAL_LENGTH_MAX:
        raise MalformedClaimError("the Credential is too long.")
    return _parse_credential(credential, region)


@lru_cache(maxsize=_REMEMBERED_CREDENTIALS_MAX)
def _parse_credential(credential: str, region: str) -> CredentialScope:
    parts = credential.rsplit("/", _SCOPE_SEPARATORS)
    if len(parts) <= _SCOPE_SEPARATORS or not parts[0]:
        raise MalformedClaimError(
            'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/'
            'aws4_request".'
        )
    access_key_id, day, scope_region, service, terminator = parts
    if len(day) != _DAY_LENGTH or not (day.isascii() and day.isdigit()):
        raise MalformedClaimError(f'incorrect date format "{day}". Use the form "yyyyMMdd".')
    if scope_region not in (region, "", _DEFAULT_REGION):
        raise MalformedClaimError(
            f"the region '{scope_region}' is wrong; expecting '{region}'", region
        )
    if service != SERVICE:
        raise MalformedClaimError(
            f'incorrect service "{service}". This endpoint belongs to "{SERVICE}".'
        )
    if terminator != "aws4_request":
        raise MalformedClaimError(
            f'incorrect terminal "{terminator}". This endpoint uses "aws4_request".'
        )
    return CredentialScope(access_key_id, day, scope_region, service)


def split_signed_headers(text: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """``a;b;c`` as names in order, and as a set.

    Raises:
        MalformedClaimError: a name stands there twice. Each repetition would add the header's value
            to the canonical request once more: a few KiB sent could become GiB here.
    """
    if len(text) > _REMEMBERED_LIST_LENGTH_MAX:
        return _split_names(text)
    return _split_remembered_names(text)


@lru_cache(maxsize=_REMEMBERED_LISTS_MAX)
def _split_remembered_names(text: str) -> tuple[tuple[str, ...], frozenset[str]]:
    return _split_names(text)


def _split_names(text: str) -> tuple[tuple[str, ...], frozenset[str]]:
    names = tuple(text.split(";"))
    distinct = frozenset(names)
    if len(distinct) != len(names):
        raise MalformedClaimError("the SignedHeaders name a header twice.")
    return names, distinct


def check_headers_are_signed(headers: Mapping[str, str], signed: frozenset[str]) -> None:
    """What changes a request's meaning has to be signed: ``host`` and every ``x-amz-`` header.

    Raises:
        MissingSecurityHeader: there is no host to sign.
        AccessDenied: a header isn't signed; ``HeadersNotSigned`` names it.
    """
    if "host" not in headers:
        raise MissingSecurityHeader(MissingHeaderName="host")
    unsigned = [name for name in headers if name not in signed and name.startswith("x-amz-")]
    if "host" not in signed:
        unsigned.append("host")
    if unsigned:
        raise AccessDenied(
            "There were headers present in the request which were not signed",
            HeadersNotSigned=", ".join(unsigned),
        )


def verify_signature(
    request: SignedRequest,
    parsed: ParsedSignature,
    secret_access_key: str,
    *,
    without_parameter: bytes = b"",
) -> SigningContext:
    """Compute the signature and compare it in constant time.

    Raises:
        SignatureDoesNotMatch: with all that a client needs to find its mistake.
    """
    scope = parsed.scope
    canonical = canonical_request(
        request,
        parsed.signed_headers,
        parsed.payload.declared,
        without_parameter=without_parameter,
    )
    scope_text = scope.text
    text = string_to_sign(canonical, parsed.timestamp, scope_text)
    key = signing_key(secret_access_key, scope.day, scope.region, scope.service)
    expected = sign(key, text)
    if not (parsed.signature.isascii() and hmac.compare_digest(expected, parsed.signature)):
        raise SignatureDoesNotMatch(
            AWSAccessKeyId=parsed.access_key_id,
            StringToSign=text,
            SignatureProvided=parsed.signature,
            CanonicalRequest=canonical,
        )
    return SigningContext(key, scope_text, parsed.timestamp, expected, parsed.payload)
