"""From a request's claim to be signed to who made it.

Header or query, parsed and verified by `rucket.wire.sigv4`; the secret in between comes from
`rucket.service.users`. A request that claims nothing is anonymous: what it may do is for the
operation to decide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rucket.model.errors import AccessDenied, InvalidAccessKeyId
from rucket.service.authorization.requester import ANONYMOUS, Requester
from rucket.service.users import find_credentials
from rucket.wire.sigv4 import authentication
from rucket.wire.sigv4.payload_hash import parse_payload_hash
from rucket.wire.sigv4.signature import SigningContext

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rucket.service.gateway import Gateway
    from rucket.wire.sigv4.canonical_request import SignedRequest


@dataclass(frozen=True, slots=True)
class Authenticated:
    """Who made a request.

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
        S3Error: the claim is malformed, outdated or wrong.
    """
    parsed = authentication.parse(request, gateway.settings.region)
    if parsed is None:
        return Authenticated(ANONYMOUS, _context_without_signature(request.headers), "")
    credentials = find_credentials(gateway, parsed.access_key_id)
    if credentials is None:
        raise InvalidAccessKeyId(AWSAccessKeyId=parsed.access_key_id)
    context = authentication.verify(
        request, parsed, credentials.secret_access_key, gateway.clock.wall_ms()
    )
    return Authenticated(credentials.requester, context, parsed.access_key_id)


def _context_without_signature(headers: Mapping[str, str]) -> SigningContext | None:
    """An anonymous body may be framed and hashed, but there is no key to sign chunks with."""
    declared = headers.get("x-amz-content-sha256")
    if declared is None:
        return None
    payload = parse_payload_hash(declared)
    if payload.kind.has_chunk_signatures:
        raise AccessDenied("The chunks are signed, but the request isn't.")
    return SigningContext(b"", "", "", "", payload)
