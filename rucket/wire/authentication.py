"""From a request's claim to be signed to who made it.

Header or query, parsed and verified by `rucket.wire.sigv4`, or by `rucket.wire.sigv2` for clients
that still sign that way; the secret in between comes from `rucket.service.users`. A request that
claims nothing is anonymous: what it may do is for the operation to decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from rucket.model.errors import AccessDenied, InvalidAccessKeyId, InvalidToken
from rucket.service.authorization.requester import ANONYMOUS, Requester
from rucket.service.users import find_credentials
from rucket.wire.request_target import resolve_target
from rucket.wire.sigv2 import authentication as version_2
from rucket.wire.sigv4 import authentication as version_4
from rucket.wire.sigv4.payload_hash import parse_payload_hash
from rucket.wire.sigv4.signature import SigningContext

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rucket.service.gateway import Gateway
    from rucket.service.users import Credentials
    from rucket.wire.sigv4.canonical_request import SignedRequest


class Authenticated(msgspec.Struct, frozen=True):
    """Who made a request. A Struct, because one is made for every request.

    Attributes:
        context: what the body is framed and verified by; None where the request says nothing.
        access_key_id: for the access log; empty for anonymous requests.
    """

    requester: Requester
    context: SigningContext | None
    access_key_id: str


def authenticate(gateway: Gateway, request: SignedRequest) -> Authenticated:
    """Finds out who made the request.

    Raises:
        InvalidAccessKeyId: nobody has the access key.
        InvalidToken: a session token comes with it, but no access key here is a temporary one.
        S3Error: the claim is malformed, outdated or wrong.
    """
    if version_2.is_claimed(request):
        return _authenticate_by_version_2(gateway, request)
    parsed = version_4.parse(request, gateway.settings.region)
    if parsed is None:
        return Authenticated(ANONYMOUS, _context_without_signature(request.headers), "")
    credentials = _credentials(gateway, parsed.access_key_id, parsed.security_token)
    context = version_4.verify(
        request, parsed, credentials.secret_access_key, gateway.clock.wall_ms()
    )
    return Authenticated(credentials.requester, context, parsed.access_key_id)


def _authenticate_by_version_2(gateway: Gateway, request: SignedRequest) -> Authenticated:
    parsed = version_2.parse(request)
    credentials = _credentials(gateway, parsed.access_key_id, parsed.security_token)
    host = request.headers.get("host", "")
    target = resolve_target(host, request.raw_path, gateway.settings.domains)
    version_2.verify(
        request,
        parsed,
        credentials.secret_access_key,
        (target.bucket or "") if target.is_virtual_host else "",
        gateway.clock.wall_ms(),
    )
    context = _context_without_signature(request.headers)
    return Authenticated(credentials.requester, context, parsed.access_key_id)


def _credentials(gateway: Gateway, access_key_id: str, security_token: str | None) -> Credentials:
    credentials = find_credentials(gateway, access_key_id)
    if credentials is None:
        raise InvalidAccessKeyId(AWSAccessKeyId=access_key_id)
    if security_token is not None:
        raise InvalidToken
    return credentials


def _context_without_signature(headers: Mapping[str, str]) -> SigningContext | None:
    """The body of an anonymous request, or of one signed by version 2, may be framed and hashed,
    but there is no key to sign chunks with.
    """
    declared = headers.get("x-amz-content-sha256")
    if declared is None:
        return None
    payload = parse_payload_hash(declared)
    if payload.kind.has_chunk_signatures:
        raise AccessDenied("The chunks are signed, but the request isn't, or not by version 4.")
    return SigningContext(b"", "", "", "", payload)
