"""Headers that ask for what this server can't do (yet): refused, never ignored.

A client that asks for encryption, a lock or a grant and gets a 200 believes that it has it. Some
values ask for what is the case anyway; those are fine. Source: S3 API Reference, "PutObject",
"CreateBucket", "Access control list (ACL) overview".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.model.errors import (
    InvalidArgument,
    InvalidRequest,
    OperationNotImplemented,
)
from rucket.wire import server_side_encryption

if TYPE_CHECKING:
    from collections.abc import Mapping

_PREFIX = "x-amz-"
_REFUSED_PREFIXES = (
    "x-amz-copy-source-server-side-encryption",
    "x-amz-grant-",
    "x-amz-object-lock-",
    "x-amz-server-side-encryption",
)
_REFUSED = frozenset(
    {
        "x-amz-object-ownership",
        "x-amz-rename-source",
        "x-amz-website-redirect-location",
        "x-amz-write-offset-bytes",
    }
)
_HARMLESS = frozenset({"x-amz-content-sha256", "x-amz-date"})  # those of nearly every request
_ACLS_IN_FORCE = frozenset({"", "private", "bucket-owner-full-control"})
_OTHER_ACLS = frozenset(
    {
        "authenticated-read",
        "aws-exec-read",
        "bucket-owner-read",
        "log-delivery-write",
        "public-read",
        "public-read-write",
    }
)
_READING = frozenset({"GET", "HEAD"})


def refuse_unsupported_headers(method: str, operation: str, headers: Mapping[str, str]) -> None:
    """Returns if no header asks for more than there is.

    Args:
        method: of the request.
        operation: what it is in S3.
        headers: of the request.

    Raises:
        OperationNotImplemented: S3 has it, this server doesn't; ``Header`` names the header.
        InvalidArgument: a canned ACL, or an encryption, that S3 doesn't have either.
        InvalidRequest: a decryption key for an object that isn't encrypted.
    """
    for name, value in headers.items():
        if not name.startswith(_PREFIX) or name in _HARMLESS:
            continue
        if name == server_side_encryption.HEADER:
            server_side_encryption.check_encryption_header(method, operation, value)
        else:
            _check(method, name, value)


def _check(method: str, name: str, value: str) -> None:
    if name == "x-amz-acl":
        _check_acl(value)
    elif name == "x-amz-tagging":
        if value:
            raise _not_implemented(name)
    elif name == "x-amz-bucket-object-lock-enabled":
        if value.lower() != "false":
            raise _not_implemented(name)
    elif name in _REFUSED or name.startswith(_REFUSED_PREFIXES):
        if method in _READING:
            raise InvalidRequest("The encryption parameters are not applicable to this object.")
        raise _not_implemented(name)


def _check_acl(value: str) -> None:
    if value in _ACLS_IN_FORCE:
        return
    if value in _OTHER_ACLS:
        raise _not_implemented("x-amz-acl")
    raise InvalidArgument(ArgumentName="x-amz-acl", ArgumentValue=value)


def _not_implemented(name: str) -> OperationNotImplemented:
    return OperationNotImplemented(Header=name)
