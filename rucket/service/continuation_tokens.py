"""Continuation tokens: where a listing goes on, as a text that clients hand back unread.

::

    base64url( format_version u8 | check, 6 bytes | where to go on, UTF-8 )

The check tells a token from what isn't one; it is no secret, since a token grants nothing that
`start-after` doesn't.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from rucket.model.errors import InvalidArgument

_FORMAT_VERSION = 1
_CHECK_SIZE_BYTES = 6
_HEADER_SIZE_BYTES = 1 + _CHECK_SIZE_BYTES


def make_token(after: str) -> str:
    """The token of a page that goes on after `after`."""
    payload = after.encode()
    token = bytes([_FORMAT_VERSION]) + _check(payload) + payload
    return base64.urlsafe_b64encode(token).decode().rstrip("=")


def read_token(token: str) -> str:
    """What `make_token` was given.

    Raises:
        InvalidArgument: it isn't a token, or not one of ours.
    """
    padded = token + "=" * (-len(token) % 4)
    try:
        decoded = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True)
        payload = decoded[_HEADER_SIZE_BYTES:]
        after = payload.decode()
    except (UnicodeError, binascii.Error) as error:
        raise _invalid(token) from error
    if decoded[:1] != bytes([_FORMAT_VERSION]) or decoded[1:_HEADER_SIZE_BYTES] != _check(payload):
        raise _invalid(token)
    return after


def _check(payload: bytes) -> bytes:
    return hashlib.blake2b(
        payload, digest_size=_CHECK_SIZE_BYTES, person=b"rucket listing"
    ).digest()


def _invalid(token: str) -> InvalidArgument:
    return InvalidArgument(
        "The continuation token provided is incorrect",
        ArgumentName="continuation-token",
        ArgumentValue=token,
    )
