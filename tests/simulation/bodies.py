"""The bodies of simulated writes: each differs from all others in every sector."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

_BLOCK_SIZE_BYTES = 64


@dataclass(frozen=True, slots=True)
class Written:
    """What a write says that an object is.

    Attributes:
        write_id: names the write; travels in the object's metadata.
    """

    write_id: str
    body: bytes
    etag: str


def make_body(write_id: str, size_bytes: int) -> bytes:
    """`size_bytes` bytes of which every 64 tell the write and their place."""
    blocks = [
        f"{write_id}@{offset}:".encode().ljust(_BLOCK_SIZE_BYTES, b".")
        for offset in range(0, size_bytes, _BLOCK_SIZE_BYTES)
    ]
    return b"".join(blocks)[:size_bytes]


def etag_of(body: bytes) -> str:
    """The entity tag of an object put at once, without quotes."""
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def etag_of_parts(parts: list[bytes]) -> str:
    """The entity tag of an object uploaded in parts, without quotes. Source: S3 User Guide,
    "Checking object integrity", "Using part-level checksums for multipart uploads"."""
    digests = b"".join(hashlib.md5(part, usedforsecurity=False).digest() for part in parts)
    return f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}"
