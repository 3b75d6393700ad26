"""Names and ids, and what makes a bucket name or an object key acceptable.

Source: S3 User Guide, "General purpose bucket naming rules" and "Naming Amazon S3 objects".
"""

from __future__ import annotations

import string
from typing import NewType

from rucket.model.errors import InvalidBucketName, KeyTooLongError

BucketName = NewType("BucketName", str)
BucketId = NewType("BucketId", int)
ObjectKey = NewType("ObjectKey", str)
CommitId = NewType("CommitId", bytes)  # 16 random bytes; a version id is one, too
BlobId = NewType("BlobId", bytes)  # 16 bytes: rucket.store.blobs.blob_ids; opaque elsewhere
UploadId = NewType("UploadId", bytes)  # 16 random bytes
CanonicalId = NewType("CanonicalId", str)  # 64 hex digits for our own, any text for configured ones

ID_SIZE_BYTES = 16
OBJECT_KEY_SIZE_BYTES_MAX = 1024

_LABEL_EDGE = frozenset(string.ascii_lowercase + string.digits)
_BUCKET_CHARACTERS = _LABEL_EDGE | frozenset("-.")
_BUCKET_NAME_LENGTH_MIN = 3
_BUCKET_NAME_LENGTH_MAX = 63
_FORBIDDEN_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_FORBIDDEN_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3")

RESERVED_BUCKET_NAMES = frozenset({"minio"})
"""``/minio/health/…`` answers health checks, so no bucket can have that name."""


def check_bucket_name(name: str) -> BucketName:
    """Returns `name` as a bucket name.

    Raises:
        InvalidBucketName: it breaks one of S3's naming rules, or is reserved.
    """
    acceptable = (
        _BUCKET_NAME_LENGTH_MIN <= len(name) <= _BUCKET_NAME_LENGTH_MAX
        and _BUCKET_CHARACTERS.issuperset(name)
        and name[0] in _LABEL_EDGE
        and name[-1] in _LABEL_EDGE
        and not any(pair in name for pair in ("..", ".-", "-."))
        and not _looks_like_ipv4(name)
        and not name.startswith(_FORBIDDEN_PREFIXES)
        and not name.endswith(_FORBIDDEN_SUFFIXES)
        and name not in RESERVED_BUCKET_NAMES
    )
    if not acceptable:
        raise InvalidBucketName(BucketName=name)
    return BucketName(name)


def check_object_key(key: str) -> ObjectKey:
    """Returns `key` as an object key.

    Raises:
        KeyTooLongError: its UTF-8 form has more than 1,024 bytes.
    """
    size_bytes = len(key.encode("utf-8", "surrogatepass"))
    if size_bytes > OBJECT_KEY_SIZE_BYTES_MAX:
        raise KeyTooLongError(Size=str(size_bytes), MaxSizeAllowed=str(OBJECT_KEY_SIZE_BYTES_MAX))
    return ObjectKey(key)


def _looks_like_ipv4(name: str) -> bool:
    octets = name.split(".")
    return len(octets) == 4 and all(octet.isdigit() for octet in octets)  # noqa: PLR2004
