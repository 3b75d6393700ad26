"""The canonical request of Signature Version 4, as S3 builds it, one line each.

::

    method
    canonical URI
    canonical query
    header:value               one line for each signed header, then an empty one
    signed headers
    payload hash

S3 differs from other services: the URI is decoded once and encoded once, ``//`` and ``..`` stay.
Everything is kept as latin-1 text, one character for one byte of the request, and is turned into
bytes once. No I/O. Source: S3 API Reference, "Signature Calculations for the Authorization
Header: Transferring Payload in a Single Chunk".
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

import msgspec

from rucket.wire.percent_encoding import uri_encode

if TYPE_CHECKING:
    from collections.abc import Mapping


_REMEMBERED_PARAMETERS_MAX = 1024
_REMEMBERED_PARAMETER_LENGTH_MAX = 256


class SignedRequest(msgspec.Struct, frozen=True):
    """What of a request can be signed, exactly as it came.

    Args:
        method: upper case.
        raw_path: as on the request line, percent-encoded, without the query.
        raw_query: as on the request line, without the question mark.
        headers: lower-case names to values, decoded as latin-1; those of a repeated header
            joined with ``,``.
    """

    method: str
    raw_path: bytes
    raw_query: bytes
    headers: Mapping[str, str]


def canonical_uri(raw_path: bytes) -> str:
    """The path, decoded once and encoded once; an empty one is ``/``."""
    if b"%" in raw_path:
        raw_path = unquote_to_bytes(raw_path)
    return uri_encode(raw_path, keep_slash=True) or "/"


def canonical_query(raw_query: bytes, *, without: bytes = b"") -> str:
    """The parameters, each name and value re-encoded, sorted by encoded name, then value.

    ``+`` stands for itself: S3's clients write a space as ``%20``.

    Args:
        raw_query: as on the request line.
        without: decoded name of a parameter to leave out (``X-Amz-Signature``).
    """
    if not raw_query:
        return ""
    left_out = uri_encode(without)
    pairs = []
    for parameter in raw_query.split(b"&"):
        # Anybody can make us remember parameters, so that long ones aren't.
        read = (
            _canonical_parameter
            if len(parameter) > _REMEMBERED_PARAMETER_LENGTH_MAX
            else _remembered_parameter
        )
        if parameter and ((pair := read(parameter))[0] != left_out or not without):
            pairs.append(pair)
    pairs.sort()
    return "&".join([f"{name}={value}" for name, value in pairs])


def _canonical_parameter(parameter: bytes) -> tuple[str, str]:
    name, _, value = parameter.partition(b"=")
    if b"%" in parameter:
        name, value = unquote_to_bytes(name), unquote_to_bytes(value)
    return uri_encode(name), uri_encode(value)


_remembered_parameter = lru_cache(maxsize=_REMEMBERED_PARAMETERS_MAX)(_canonical_parameter)


def canonical_headers(headers: Mapping[str, str], signed_headers: tuple[str, ...]) -> str:
    """``name:value`` lines in the order given, values trimmed and inner blanks collapsed.

    A signed header that the request hasn't got counts as empty.
    """
    lines = []
    for name in signed_headers:
        value = headers.get(name, "").strip(" \t")
        if "  " in value or "\t" in value:
            value = " ".join([word for word in value.replace("\t", " ").split(" ") if word])
        lines.append(f"{name}:{value}\n")
    return "".join(lines)


def canonical_request(
    request: SignedRequest,
    signed_headers: tuple[str, ...],
    payload_hash: str,
    *,
    without_parameter: bytes = b"",
) -> str:
    """The canonical request as latin-1 text.

    Args:
        request: the request.
        signed_headers: lower-case names in the order in which the client listed them.
        payload_hash: what the client declares: a hexadecimal SHA-256 or one of S3's words.
        without_parameter: decoded name of a query parameter that isn't signed.
    """
    return (
        f"{request.method}\n"
        f"{canonical_uri(request.raw_path)}\n"
        f"{canonical_query(request.raw_query, without=without_parameter)}\n"
        f"{canonical_headers(request.headers, signed_headers)}\n"
        f"{';'.join(signed_headers)}\n"
        f"{payload_hash}"
    )


def string_to_sign(canonical: str, timestamp: str, scope: str) -> str:
    """The text whose HMAC is the signature.

    Args:
        canonical: the canonical request, latin-1 text.
        timestamp: ``YYYYMMDDTHHMMSSZ``.
        scope: ``date/region/service/aws4_request``.
    """
    digest = hashlib.sha256(canonical.encode("latin-1", "replace")).hexdigest()
    return f"AWS4-HMAC-SHA256\n{timestamp}\n{scope}\n{digest}"
