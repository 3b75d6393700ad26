"""What header and query authentication of Signature Version 2 have in common.

Verification has two steps, so that the caller looks up the secret in between::

    parse(request)  ->  ParsedSignature  ->  (secret)  ->  verify(...)

Nothing of a ``ParsedSignature`` is to be believed before ``verify`` has returned. Source: S3 User
Guide, "Signing and authenticating REST requests" (RESTAuthentication).
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rucket.model.errors import SignatureDoesNotMatch
from rucket.wire.sigv2.string_to_sign import (
    SIGNED_PARAMETERS,
    URL_SIGNED_PARAMETERS,
    strings_to_sign,
)

if TYPE_CHECKING:
    from rucket.wire.sigv4.canonical_request import SignedRequest


@dataclass(frozen=True, slots=True)
class ParsedSignature:
    """A request's claim to be signed, not verified yet.

    Args:
        access_key_id: whose secret to look up.
        signature: as given, base64.
        date: as signed; empty when it is signed as a header.
        moment_ms: when the request was signed; for a URL, when it expires.
        is_url: the query is signed, not a header.
        security_token: of temporary credentials, None without.
    """

    access_key_id: str
    signature: str
    date: str
    moment_ms: int
    is_url: bool
    security_token: str | None


def sign(secret_access_key: str, text: str) -> str:
    """The signature of a string to sign: 28 characters of base64."""
    digest = hmac.digest(secret_access_key.encode(), text.encode("latin-1", "replace"), "sha1")
    return base64.b64encode(digest).decode("ascii")


def verify_signature(
    request: SignedRequest, parsed: ParsedSignature, secret_access_key: str, bucket_of_host: str
) -> None:
    """Compute the signature and compare it in constant time.

    Raises:
        SignatureDoesNotMatch: with all that a client needs to find its mistake.
    """
    names = URL_SIGNED_PARAMETERS if parsed.is_url else SIGNED_PARAMETERS
    texts = strings_to_sign(request, parsed.date, bucket_of_host, names)
    if parsed.signature.isascii():
        for text in texts:
            if hmac.compare_digest(sign(secret_access_key, text), parsed.signature):
                return
    raise SignatureDoesNotMatch(
        AWSAccessKeyId=parsed.access_key_id,
        StringToSign=texts[0],
        SignatureProvided=parsed.signature,
    )
