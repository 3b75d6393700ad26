"""User metadata: the ``x-amz-meta-`` headers.

Kept as text. On the way in, bytes beyond ASCII are UTF-8 if they can be, else latin-1, and encoded
words of RFC 2047 are decoded. On the way out, text that latin-1 can carry goes out as it is, one
byte for a character; anything else, control characters included, as an encoded word, so that no
value can end its header. Source: S3 User Guide, "Working with object metadata"; RFC 2047.
"""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING

from rucket.model.errors import MetadataTooLarge
from rucket.wire.headers import is_header_value

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "x-amz-meta-"
SIZE_BYTES_MAX = 2 * 1024
_ENCODED_WORD = re.compile(r"=\?(utf-8|iso-8859-1|us-ascii)\?([bq])\?([^?\s]*)\?=", re.IGNORECASE)
_BETWEEN_ENCODED_WORDS = re.compile(r"(\?=)[ \t]+(?==\?)")


def collect_user_metadata(headers: Mapping[str, str]) -> dict[str, str]:
    """The metadata of a request: names without the prefix, lower case, to their text.

    Raises:
        MetadataTooLarge: names and values have more than 2 KiB as UTF-8.
    """
    metadata: dict[str, str] = {}
    size_bytes = 0
    for name, value in headers.items():
        if name.startswith(PREFIX):
            text = decode_metadata_value(value)
            metadata[name[len(PREFIX) :]] = text
            size_bytes += len(name) - len(PREFIX) + len(text.encode("utf-8", "surrogatepass"))
    if size_bytes > SIZE_BYTES_MAX:
        raise MetadataTooLarge(Size=str(size_bytes), MaxSizeAllowed=str(SIZE_BYTES_MAX))
    return metadata


def decode_metadata_value(value: str) -> str:
    """Text of a header's value that came as latin-1."""
    if not value.isascii():
        try:
            value = value.encode("latin-1").decode("utf-8")
        except UnicodeError:
            return value
    if "=?" not in value:
        return value
    joined = _BETWEEN_ENCODED_WORDS.sub(r"\1", value)
    decoded, count = _ENCODED_WORD.subn(_decode_word, joined)
    return decoded if count else value


def encode_metadata_value(text: str) -> bytes:
    """The bytes of the header that gives ``text`` back."""
    if is_header_value(text):
        try:
            return text.encode("latin-1")
        except UnicodeEncodeError:
            pass
    encoded = binascii.b2a_base64(text.encode("utf-8", "replace"), newline=False)
    return b"=?UTF-8?B?" + encoded + b"?="


def _decode_word(match: re.Match[str]) -> str:
    """The text of one encoded word, or the word as it stands when it can't be decoded."""
    charset, encoding, payload = match.groups()
    raw = payload.encode("ascii", "replace")
    try:
        if encoding in "bB":
            data = binascii.a2b_base64(raw, strict_mode=True) if raw else b""
        else:
            data = binascii.a2b_qp(raw, header=True)
        return data.decode(charset)
    except (binascii.Error, UnicodeDecodeError):
        return match.group()
