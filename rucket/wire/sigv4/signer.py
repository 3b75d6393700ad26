"""The client's side of Signature Version 4: signs what our command line and our tests send.

Takes the moment as a value and reads no clock. The host has to be among the request's headers.
Source: S3 API Reference, "Authenticating Requests (AWS Signature Version 4)".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rucket.wire.percent_encoding import uri_encode
from rucket.wire.sigv4.canonical_request import (
    SignedRequest,
    canonical_request,
    string_to_sign,
)
from rucket.wire.sigv4.payload_hash import PayloadKind
from rucket.wire.sigv4.signature import ALGORITHM, SERVICE
from rucket.wire.sigv4.signing_key import sign, signing_key
from rucket.wire.timestamps import format_basic

if TYPE_CHECKING:
    from collections.abc import Mapping

# A proxy or an HTTP library may change these after they have been signed.
_NEVER_SIGNED = frozenset(
    {"authorization", "connection", "expect", "transfer-encoding", "user-agent", "x-amzn-trace-id"}
)


@dataclass(frozen=True, slots=True)
class SigningCredentials:
    """Who signs.

    Args:
        access_key_id: names the secret.
        secret_access_key: never sent.
        region: the server's.
    """

    access_key_id: str
    secret_access_key: str
    region: str = "us-east-1"


def sign_headers(
    request: SignedRequest,
    credentials: SigningCredentials,
    now_ms: int,
    payload_hash: str = PayloadKind.UNSIGNED.value,
) -> dict[str, str]:
    """Sign with an ``Authorization`` header.

    Args:
        request: as it will be sent; ``host`` is required, all its headers are signed.
        credentials: who signs.
        now_ms: the moment.
        payload_hash: the body's SHA-256 in hexadecimal, or one of S3's words.

    Returns:
        The headers to add: ``x-amz-date``, ``x-amz-content-sha256`` and ``authorization``.
    """
    added = {"x-amz-date": format_basic(now_ms), "x-amz-content-sha256": payload_hash}
    headers = {**request.headers, **added}
    names = _names_to_sign(headers)
    signed = SignedRequest(request.method, request.raw_path, request.raw_query, headers)
    scope, signature = _signature(signed, names, credentials, added["x-amz-date"], payload_hash)
    added["authorization"] = (
        f"{ALGORITHM} Credential={credentials.access_key_id}/{scope}, "
        f"SignedHeaders={';'.join(names)}, Signature={signature}"
    )
    return added


def presign_query(
    request: SignedRequest, credentials: SigningCredentials, now_ms: int, expires_s: int
) -> bytes:
    """Sign with the query.

    Args:
        request: as it will be sent; ``host`` is required, all its headers are signed and have to
            be sent with the URL.
        credentials: who signs.
        now_ms: the moment.
        expires_s: lifetime, 1 to 604,800.

    Returns:
        The whole query of the presigned URL, without the question mark.
    """
    timestamp = format_basic(now_ms)
    names = _names_to_sign(request.headers)
    scope = _scope(credentials, timestamp)
    parameters = (
        ("X-Amz-Algorithm", ALGORITHM),
        ("X-Amz-Credential", f"{credentials.access_key_id}/{scope}"),
        ("X-Amz-Date", timestamp),
        ("X-Amz-Expires", str(expires_s)),
        ("X-Amz-SignedHeaders", ";".join(names)),
    )
    query = "&".join(f"{name}={uri_encode(value.encode())}" for name, value in parameters)
    raw_query = b"&".join(part for part in (request.raw_query, query.encode()) if part)
    to_sign = SignedRequest(request.method, request.raw_path, raw_query, request.headers)
    _, signature = _signature(to_sign, names, credentials, timestamp, PayloadKind.UNSIGNED.value)
    return raw_query + b"&X-Amz-Signature=" + signature.encode()


def _names_to_sign(headers: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(sorted(name for name in headers if name not in _NEVER_SIGNED))


def _scope(credentials: SigningCredentials, timestamp: str) -> str:
    return f"{timestamp[:8]}/{credentials.region}/{SERVICE}/aws4_request"


def _signature(
    request: SignedRequest,
    names: tuple[str, ...],
    credentials: SigningCredentials,
    timestamp: str,
    payload_hash: str,
) -> tuple[str, str]:
    """The credential scope and the signature."""
    scope = _scope(credentials, timestamp)
    key = signing_key(credentials.secret_access_key, timestamp[:8], credentials.region, SERVICE)
    canonical = canonical_request(request, names, payload_hash)
    return scope, sign(key, string_to_sign(canonical, timestamp, scope))
