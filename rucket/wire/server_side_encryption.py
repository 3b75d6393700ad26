"""``x-amz-server-side-encryption``: who asks for encryption at rest, and who is told of it.

Only SSE-S3 (``AES256``) is known. Asking for it makes a difference where not every object is
encrypted anyway. Source: S3 User Guide, "Using server-side encryption with Amazon S3 managed keys
(SSE-S3)"; S3 API Reference, PutObject, CopyObject, CreateMultipartUpload.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rucket.model.errors import InvalidArgument, InvalidRequest, OperationNotImplemented

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rucket.service.gateway import Gateway

HEADER: Final = "x-amz-server-side-encryption"
SSE_S3: Final = "AES256"
_OTHER_ALGORITHMS: Final = frozenset({"aws:fsx", "aws:kms", "aws:kms:dsse"})
_ENCRYPTING: Final = frozenset({"CopyObject", "CreateMultipartUpload", "PutObject"})
_READING: Final = frozenset({"GET", "HEAD"})


def check_encryption_header(method: str, operation: str, value: str) -> None:
    """Returns if an operation may be asked for this encryption.

    Raises:
        OperationNotImplemented: S3 has this kind, this server doesn't.
        InvalidArgument: there is no such kind, or the operation doesn't choose it.
        InvalidRequest: a question about how to encrypt, where something is read.
    """
    if method in _READING:
        raise InvalidRequest("The encryption parameters are not applicable to this object.")
    if value in _OTHER_ALGORITHMS:
        raise OperationNotImplemented(Header=HEADER)
    if value != SSE_S3:
        raise InvalidArgument(
            "The encryption method specified is not supported",
            ArgumentName=HEADER,
            ArgumentValue=value,
        )
    if operation not in _ENCRYPTING:
        raise InvalidArgument(
            f"{HEADER} header is not supported for this operation.",
            ArgumentName=HEADER,
            ArgumentValue=value,
        )


def encrypting_as_asked(headers: Mapping[str, str], gateway: Gateway) -> Gateway:
    """The gateway that carries out a request: one that encrypts if the request says so. The header
    has been checked.

    Raises:
        OperationNotImplemented: no master key is configured.
    """
    if HEADER not in headers or gateway.encryption.is_on:
        return gateway
    if gateway.encryption.ring is None:
        raise OperationNotImplemented(
            "Server-side encryption was requested, but this server has no master key.",
            Header=HEADER,
        )
    return replace(gateway, encryption=gateway.encryption.switched_on())


def encryption_headers(*, is_encrypted: bool) -> list[tuple[str, str]]:
    """How an answer says that an object is encrypted."""
    return [(HEADER, SSE_S3)] if is_encrypted else []
