"""What a request says about its body in ``x-amz-content-sha256``.

::

    64 hex digits                               the body's SHA-256, checked by whoever reads it
    UNSIGNED-PAYLOAD                            nothing is promised
    STREAMING-AWS4-HMAC-SHA256-PAYLOAD          aws-chunked, every chunk signed
    STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER  the same, then signed trailers
    STREAMING-UNSIGNED-PAYLOAD-TRAILER          aws-chunked, unsigned, then trailers

Source: S3 API Reference, "Common Request Headers".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from rucket.model.errors import InvalidArgument

_SHA256_HEX_LENGTH = 64
_HEX_DIGITS = "0123456789abcdefABCDEF"


class PayloadKind(Enum):
    """How the body is framed and what vouches for it."""

    UNSIGNED = "UNSIGNED-PAYLOAD"
    SHA256 = "SHA256"
    STREAMING_SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    STREAMING_SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
    STREAMING_UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

    @property
    def is_chunked(self) -> bool:
        """Whether the body is aws-chunked and must go through a ``ChunkedPayloadDecoder``."""
        return self not in _PLAIN_KINDS

    @property
    def has_trailer(self) -> bool:
        """Whether headers may follow the last chunk."""
        return self in _TRAILER_KINDS

    @property
    def has_chunk_signatures(self) -> bool:
        """Whether every chunk carries a signature."""
        return self in _SIGNED_KINDS


_PLAIN_KINDS = frozenset({PayloadKind.UNSIGNED, PayloadKind.SHA256})
_SIGNED_KINDS = frozenset({PayloadKind.STREAMING_SIGNED, PayloadKind.STREAMING_SIGNED_TRAILER})
_TRAILER_KINDS = frozenset(
    {PayloadKind.STREAMING_SIGNED_TRAILER, PayloadKind.STREAMING_UNSIGNED_TRAILER}
)


@dataclass(frozen=True, slots=True)
class DeclaredPayload:
    """The declaration.

    Args:
        kind: how the body is framed.
        declared: the header's value as signed; for ``PayloadKind.SHA256`` the hexadecimal digest.
    """

    kind: PayloadKind
    declared: str

    @property
    def sha256(self) -> bytes | None:
        """The 32 bytes that the body's SHA-256 has to be, None when none is declared."""
        return bytes.fromhex(self.declared) if self.kind is PayloadKind.SHA256 else None


UNSIGNED_PAYLOAD = DeclaredPayload(PayloadKind.UNSIGNED, PayloadKind.UNSIGNED.value)
_WORDS = {
    kind.value: DeclaredPayload(kind, kind.value)
    for kind in PayloadKind
    if kind is not PayloadKind.SHA256
}


def parse_payload_hash(value: str) -> DeclaredPayload:
    """Read ``x-amz-content-sha256``.

    Raises:
        InvalidArgument: the value is neither a SHA-256 nor a word we know.
    """
    word = _WORDS.get(value)
    if word is not None:
        return word
    if len(value) == _SHA256_HEX_LENGTH and not value.strip(_HEX_DIGITS):
        return DeclaredPayload(PayloadKind.SHA256, value)
    raise InvalidArgument(
        "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER "
        "or a valid sha256 value.",
        ArgumentName="x-amz-content-sha256",
        ArgumentValue=value,
    )
