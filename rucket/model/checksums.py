"""The checksums that S3 keeps with an object: which algorithms there are, and what one covers.

A stored value is a ``rucket.model.records.Checksum``. Knows no HTTP and computes nothing.
Source: S3 User Guide, "Checking object integrity".
"""

from __future__ import annotations

from enum import StrEnum


class ChecksumAlgorithm(StrEnum):
    """An additional checksum; the value is the name S3 gives it in headers and documents."""

    CRC32 = "CRC32"
    CRC32C = "CRC32C"
    CRC64NVME = "CRC64NVME"
    SHA1 = "SHA1"
    SHA256 = "SHA256"

    @property
    def digest_size_bytes(self) -> int:
        """Length of one digest; the CRCs are big-endian integers."""
        return _DIGEST_SIZE_BYTES[self]

    @property
    def is_crc(self) -> bool:
        """Whether the checksum of a whole follows from those of its parts."""
        return self not in _HASHES


_HASHES = frozenset({ChecksumAlgorithm.SHA1, ChecksumAlgorithm.SHA256})
_DIGEST_SIZE_BYTES = {
    ChecksumAlgorithm.CRC32: 4,
    ChecksumAlgorithm.CRC32C: 4,
    ChecksumAlgorithm.CRC64NVME: 8,
    ChecksumAlgorithm.SHA1: 20,
    ChecksumAlgorithm.SHA256: 32,
}


class ChecksumType(StrEnum):
    """What a checksum covers: every byte of the object, or the digests of its parts."""

    COMPOSITE = "COMPOSITE"
    FULL_OBJECT = "FULL_OBJECT"
