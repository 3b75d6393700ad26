"""The ``x-amz-copy-source`` header: ``/bucket/key?versionId=…``, percent-encoded.

The version is split off first and the rest decoded afterwards, so that a key may hold an encoded
question mark. Source: S3 API Reference, "CopyObject".
"""

from __future__ import annotations

from dataclasses import dataclass

from rucket.model.errors import InvalidArgument, InvalidURI
from rucket.model.names import ObjectKey, check_object_key
from rucket.wire.percent_encoding import percent_decode

_VERSION_PARAMETER = "?versionId="
_ARN_PREFIX = "arn:"


@dataclass(frozen=True, slots=True)
class CopySource:
    """Where a copy comes from; ``version_id`` is None for the current version."""

    bucket: str
    key: ObjectKey
    version_id: str | None = None


def parse_copy_source(header: str) -> CopySource:
    """Read ``x-amz-copy-source``.

    Args:
        header: the value, decoded as latin-1; unencoded UTF-8 in it is taken as such.

    Raises:
        InvalidArgument: it doesn't name a bucket and a key.
        KeyTooLongError: the key has more than 1,024 bytes.
    """
    path, separator, raw_version_id = header.strip(" \t").partition(_VERSION_PARAMETER)
    bucket, slash, key = _decode(path, header).removeprefix("/").partition("/")
    version_id = _decode(raw_version_id, header) if separator else None
    if not bucket or not slash or not key or bucket.startswith(_ARN_PREFIX) or version_id == "":
        raise _invalid(header)
    return CopySource(bucket, check_object_key(key), version_id)


def _decode(text: str, header: str) -> str:
    try:
        return percent_decode(text.encode("latin-1", "replace"))
    except InvalidURI as error:
        raise _invalid(header) from error


def _invalid(header: str) -> InvalidArgument:
    return InvalidArgument(
        "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
        ArgumentName="x-amz-copy-source",
        ArgumentValue=header,
    )
