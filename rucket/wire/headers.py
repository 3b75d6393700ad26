"""Headers that describe an object: content headers, lengths, digests and overrides.

Names are lower case, values latin-1 text, one character for one byte, as the HTTP server hands them
over; content headers are kept and sent back byte for byte. User metadata is in
``rucket.wire.user_metadata``. Source: S3 API Reference, "PutObject" and "GetObject".
"""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING

from rucket.model.errors import InvalidArgument, InvalidDigest, InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rucket.wire.request_target import QueryParameters

DEFAULT_CONTENT_TYPE = "binary/octet-stream"
_MD5_SIZE_BYTES = 16
_LENGTH_DIGITS_MAX = 19
_KEPT_VERBATIM = (
    "cache-control",
    "content-disposition",
    "content-language",
    "content-type",
    "expires",
)
_OVERRIDES = {
    "response-cache-control": b"cache-control",
    "response-content-disposition": b"content-disposition",
    "response-content-encoding": b"content-encoding",
    "response-content-language": b"content-language",
    "response-content-type": b"content-type",
    "response-expires": b"expires",
}


def collect_content_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """What is kept with an object and sent back on GET, by lower-case header name.

    ``content-encoding`` loses ``aws-chunked``, which frames the request and isn't the object's;
    an absent or empty ``content-type`` becomes S3's default.
    """
    kept = {name: headers[name] for name in _KEPT_VERBATIM if headers.get(name)}
    kept.setdefault("content-type", DEFAULT_CONTENT_TYPE)
    encoding = headers.get("content-encoding")
    if encoding:
        encoding = strip_aws_chunked(encoding)
        if encoding:
            kept["content-encoding"] = encoding
    return kept


def strip_aws_chunked(content_encoding: str) -> str:
    """The codings without ``aws-chunked``, at whatever position and however often it stands."""
    if "aws-chunked" not in content_encoding.lower():
        return content_encoding
    codings = [coding.strip(" \t") for coding in content_encoding.split(",")]
    return ", ".join(coding for coding in codings if coding and coding.lower() != "aws-chunked")


def is_aws_chunked(headers: Mapping[str, str]) -> bool:
    """Whether ``content-encoding`` says that the body is framed."""
    return "aws-chunked" in headers.get("content-encoding", "").lower()


def response_overrides(parameters: QueryParameters, *, is_anonymous: bool) -> dict[bytes, bytes]:
    """The ``response-…`` parameters of a GET: headers to replace in the answer.

    Raises:
        InvalidRequest: only signed requests may do that.
        InvalidArgument: the value can't be sent in a header; a line break would end it.
    """
    overrides: dict[bytes, bytes] = {}
    for name, value in parameters:
        header = _OVERRIDES.get(name)
        if header is None:
            continue
        if is_anonymous:
            raise InvalidRequest(
                "Request specific response headers cannot be used for anonymous GET requests."
            )
        if not is_header_value(value):
            raise InvalidArgument(
                f"The value of {name} can't be sent in a header.",
                ArgumentName=name,
                ArgumentValue=value,
            )
        overrides.setdefault(header, value.encode("utf-8"))
    return overrides


def is_header_value(value: str) -> bool:
    """Whether no control character but the tab is in it."""
    return all(character >= " " or character == "\t" for character in value) and "\x7f" not in value


def parse_content_length(value: str | None, name: str = "Content-Length") -> int | None:
    """A length in bytes, None when the header isn't there.

    Args:
        value: of the header.
        name: of the header; ``x-amz-decoded-content-length`` is read the same way.

    Raises:
        InvalidRequest: it isn't a number of bytes; an empty one isn't either.
    """
    if value is None:
        return None
    text = value.strip(" \t")
    if not (text.isascii() and text.isdigit()) or len(text) > _LENGTH_DIGITS_MAX:
        raise InvalidRequest(f"The {name} header isn't a number of bytes.")
    return int(text)


def parse_content_md5(value: str | None) -> bytes | None:
    """The 16 bytes of ``Content-MD5``, None when the header isn't there.

    Raises:
        InvalidDigest: it isn't the base64 of an MD5; an empty one isn't either.
    """
    if value is None:
        return None
    text = value.strip(" \t")
    try:
        digest = binascii.a2b_base64(text.encode("ascii", "replace"), strict_mode=True)
    except binascii.Error:
        digest = b""
    if len(digest) != _MD5_SIZE_BYTES:
        raise InvalidDigest(**{"Content-MD5": value})
    return digest
