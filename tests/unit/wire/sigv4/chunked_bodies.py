"""Builds aws-chunked bodies as clients do, for the tests of the decoder."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from rucket.wire.sigv4.payload_hash import PayloadKind, parse_payload_hash
from rucket.wire.sigv4.signature import SigningContext
from rucket.wire.sigv4.signing_key import sign

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


def context_of(kind: PayloadKind) -> SigningContext:
    """A verified request that declared such a body."""
    return SigningContext(
        signing_key=b"k" * 32,
        scope="20130524/us-east-1/s3/aws4_request",
        timestamp="20130524T000000Z",
        seed_signature="5" * 64,
        payload=parse_payload_hash(kind.value),
    )


def encode(
    context: SigningContext, chunks: Sequence[bytes], trailers: Mapping[str, str] | None = None
) -> bytes:
    """The body on the wire: the chunks, which mustn't be empty, the last chunk and trailers."""
    body = bytearray()
    kind = context.payload.kind
    previous = context.seed_signature
    for chunk in [*chunks, b""]:
        extension = ""
        if kind.has_chunk_signatures:
            previous = sign(
                context.signing_key,
                f"AWS4-HMAC-SHA256-PAYLOAD\n{context.timestamp}\n{context.scope}\n{previous}\n"
                f"{_EMPTY_SHA256}\n{hashlib.sha256(chunk).hexdigest()}",
            )
            extension = f";chunk-signature={previous}"
        body += f"{len(chunk):x}{extension}\r\n".encode()
        if chunk:
            body += chunk + b"\r\n"
    for name, value in sorted((trailers or {}).items()):
        body += f"{name}:{value}\r\n".encode()
    if kind is PayloadKind.STREAMING_SIGNED_TRAILER:
        body += (
            f"x-amz-trailer-signature:{trailer_signature(context, previous, trailers)}\r\n".encode()
        )
    return bytes(body + b"\r\n")


def trailer_signature(
    context: SigningContext, previous: str, trailers: Mapping[str, str] | None
) -> str:
    """What vouches for the trailers."""
    lines = "".join(f"{name}:{value}\n" for name, value in sorted((trailers or {}).items()))
    return sign(
        context.signing_key,
        f"AWS4-HMAC-SHA256-TRAILER\n{context.timestamp}\n{context.scope}\n{previous}\n"
        f"{hashlib.sha256(lines.encode()).hexdigest()}",
    )
