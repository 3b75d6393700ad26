"""Percent-encoding, as S3 writes and reads it.

Source: RFC 3986 §2; S3 API Reference, "UriEncode" in "Signature Calculations".
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from rucket.model.errors import InvalidURI

_UNRESERVED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
_UNRESERVED_AND_SLASH = _UNRESERVED + b"/"
_ENCODED = [chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in range(256)]
_ENCODED_KEEPING_SLASH = [
    "/" if byte == ord("/") else encoded for byte, encoded in enumerate(_ENCODED)
]
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_SHOWN_BYTES_MAX = 1024


def uri_encode(data: bytes, *, keep_slash: bool = False) -> str:
    """Encode all but RFC 3986's unreserved characters (and ``/`` on demand).

    Returns:
        ASCII text with upper-case hexadecimal digits.
    """
    plain = _UNRESERVED_AND_SLASH if keep_slash else _UNRESERVED
    if not data.translate(None, plain):
        return data.decode("ascii")
    table = _ENCODED_KEEPING_SLASH if keep_slash else _ENCODED
    return "".join([table[byte] for byte in data])


def is_unreserved(text: str) -> bool:
    """Whether `text` stays as it is when it is encoded, slashes kept; XML needs no references for
    it either.
    """
    return not text.encode().translate(None, _UNRESERVED_AND_SLASH)


def percent_decode(raw: bytes) -> str:
    """Decode percent-encoded UTF-8; ``+`` stands for itself.

    Raises:
        InvalidURI: a percent sign without two hexadecimal digits, or bytes that aren't UTF-8.
    """
    decoded = raw
    if b"%" in raw:
        if _BAD_ESCAPE.search(raw):
            raise invalid_uri(raw)
        decoded = unquote_to_bytes(raw)
    try:
        return decoded.decode("utf-8")
    except UnicodeDecodeError as error:
        raise invalid_uri(raw) from error


def invalid_uri(raw: bytes) -> InvalidURI:
    """The error that shows the beginning of ``raw``."""
    return InvalidURI(URI=raw[:_SHOWN_BYTES_MAX].decode("latin-1"))
