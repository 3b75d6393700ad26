"""Additional checksums: what a request declares, computing them, and those of multipart objects.

::

    x-amz-checksum-<algorithm>: base64        the value, known before the body
    x-amz-trailer: x-amz-checksum-<algorithm> the value follows the body
    x-amz-sdk-checksum-algorithm: CRC32       which of the two to expect

    multipart    COMPOSITE                    FULL_OBJECT
    CRC32(C)     CRC of the parts' CRCs       CRC of the whole, combined from the parts'
    CRC64NVME    not possible                 the same
    SHA1, SHA256 hash of the parts' hashes    not possible

A value that can't be a digest of its algorithm can't match any body: ``BadDigest``, where AWS
says ``InvalidRequest``; clients see 400 either way. CRC32 comes from zlib, which was twice as fast
as awscrt's; the other CRCs from awscrt. All release the interpreter lock or take microseconds.
Source: S3 User Guide, "Checking object integrity".
"""

from __future__ import annotations

import binascii
import hashlib
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import awscrt.checksums  # type: ignore[import-untyped]

from rucket.model.checksums import ChecksumAlgorithm, ChecksumType
from rucket.model.errors import BadDigest, InvalidRequest
from rucket.model.records import Checksum

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

HEADER_PREFIX = "x-amz-checksum-"
_ALGORITHM_OF_HEADER = {
    f"{HEADER_PREFIX}{algorithm.value.lower()}": algorithm for algorithm in ChecksumAlgorithm
}
_HEADER_OF_ALGORITHM = {algorithm: name for name, algorithm in _ALGORITHM_OF_HEADER.items()}
_CRC_UPDATES: dict[ChecksumAlgorithm, Callable[[bytes, int], int]] = {
    ChecksumAlgorithm.CRC32: zlib.crc32,
    ChecksumAlgorithm.CRC32C: awscrt.checksums.crc32c,
    ChecksumAlgorithm.CRC64NVME: awscrt.checksums.crc64nvme,
}
_CRC_COMBINATIONS: dict[ChecksumAlgorithm, Callable[[int, int, int], int]] = {
    ChecksumAlgorithm.CRC32: awscrt.checksums.combine_crc32,
    ChecksumAlgorithm.CRC32C: awscrt.checksums.combine_crc32c,
    ChecksumAlgorithm.CRC64NVME: awscrt.checksums.combine_crc64nvme,
}


class Hasher(Protocol):
    """Computes one checksum as the bytes go by."""

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        """Take the next bytes."""

    def digest(self) -> bytes:
        """The checksum of all bytes so far, big-endian for a CRC."""


class _CrcHasher:
    __slots__ = ("_size_bytes", "_update", "_value")

    def __init__(self, algorithm: ChecksumAlgorithm) -> None:
        self._update = _CRC_UPDATES[algorithm]
        self._size_bytes = algorithm.digest_size_bytes
        self._value = 0

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        self._value = self._update(data, self._value)  # type: ignore[arg-type] # any buffer will do

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size_bytes, "big")


def new_hasher(algorithm: ChecksumAlgorithm) -> Hasher:
    """A hasher that has seen nothing yet."""
    if algorithm is ChecksumAlgorithm.SHA1:
        return hashlib.sha1(usedforsecurity=False)
    if algorithm is ChecksumAlgorithm.SHA256:
        return hashlib.sha256()
    return _CrcHasher(algorithm)


@dataclass(frozen=True, slots=True)
class DeclaredChecksum:
    """What a request promises about its body.

    Args:
        algorithm: to compute and store.
        digest: to compare with, None while it is still to come.
        trailer_name: the trailer that will bring it, None when a header did.
    """

    algorithm: ChecksumAlgorithm
    digest: bytes | None
    trailer_name: str | None = None

    def expected_digest(self, trailers: Mapping[str, str]) -> bytes:
        """The promised digest, once the body and its trailers are here.

        Raises:
            BadDigest: the trailer's value can't be a digest.
            InvalidRequest: there is no such trailer.
        """
        if self.digest is not None:
            return self.digest
        value = trailers.get(self.trailer_name or "")
        if value is None:
            raise InvalidRequest(f"The announced trailer {self.trailer_name} is missing.")
        return parse_digest(self.algorithm, value)


def header_name(algorithm: ChecksumAlgorithm) -> str:
    """The lower-case header that carries a checksum: ``x-amz-checksum-crc32`` and so on."""
    return _HEADER_OF_ALGORITHM[algorithm]


def parse_digest(algorithm: ChecksumAlgorithm, value: str) -> bytes:
    """Decode base64.

    Raises:
        BadDigest: it can't be a digest of ``algorithm``.
    """
    try:
        digest = binascii.a2b_base64(value.encode("ascii", "replace"), strict_mode=True)
    except binascii.Error:
        digest = b""
    if len(digest) != algorithm.digest_size_bytes:
        raise BadDigest(f"Value for {header_name(algorithm)} header is invalid.")
    return digest


def check_digest(algorithm: ChecksumAlgorithm, expected: bytes, computed: bytes) -> None:
    """Compare what was promised with what came.

    Raises:
        BadDigest: they differ.
    """
    if expected != computed:
        raise BadDigest(
            f"The {algorithm.value} you specified did not match the calculated checksum."
        )


def parse_trailer_names(headers: Mapping[str, str]) -> frozenset[str]:
    """The names in ``x-amz-trailer``, for the decoder of the body.

    Raises:
        InvalidRequest: one of them isn't a checksum.
    """
    announced = headers.get("x-amz-trailer")
    if announced is None:
        return frozenset()
    names = frozenset(name.strip().lower() for name in announced.split(",") if name.strip())
    if not names <= _ALGORITHM_OF_HEADER.keys():
        raise InvalidRequest("The value specified in the x-amz-trailer header is not supported")
    return names


def parse_declared_checksum(headers: Mapping[str, str]) -> DeclaredChecksum | None:
    """What a PUT, an UploadPart or a document declares; None when it declares no checksum.

    Raises:
        InvalidRequest: several checksums, an unknown one, or an algorithm without its value.
        BadDigest: a value that can't be a digest of its algorithm.
    """
    carried = [
        name for name in headers if name.startswith(HEADER_PREFIX) and name in _ALGORITHM_OF_HEADER
    ]
    announced = parse_trailer_names(headers)
    if len(carried) + len(announced) > 1:
        raise InvalidRequest(
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        )
    declared: DeclaredChecksum | None = None
    for name in carried:
        algorithm = _ALGORITHM_OF_HEADER[name]
        declared = DeclaredChecksum(algorithm, parse_digest(algorithm, headers[name]))
    for name in announced:
        declared = DeclaredChecksum(_ALGORITHM_OF_HEADER[name], None, name)
    _check_sdk_algorithm(headers, declared)
    return declared


def _check_sdk_algorithm(headers: Mapping[str, str], declared: DeclaredChecksum | None) -> None:
    text = headers.get("x-amz-sdk-checksum-algorithm")
    if text is None:
        return
    algorithm = parse_algorithm(text, "x-amz-sdk-checksum-algorithm")
    if declared is None:
        raise InvalidRequest(
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or "
            "x-amz-trailer headers were found."
        )
    if declared.algorithm is not algorithm:
        raise InvalidRequest("Value for x-amz-sdk-checksum-algorithm header is invalid.")


def parse_algorithm(text: str, name: str) -> ChecksumAlgorithm:
    """Read the name of an algorithm, in whatever case.

    Args:
        text: the name.
        name: of the header it stood in.

    Raises:
        InvalidRequest: there is no such algorithm.
    """
    try:
        return ChecksumAlgorithm(text.upper())
    except ValueError as error:
        raise InvalidRequest(f"Value for {name} header is invalid.") from error


def parse_multipart_checksum(
    headers: Mapping[str, str],
) -> tuple[ChecksumAlgorithm, ChecksumType] | None:
    """What CreateMultipartUpload asks for; None when it asks for no checksum.

    Raises:
        InvalidRequest: an unknown name, a type without an algorithm, or one that can't be had.
    """
    algorithm_text = headers.get("x-amz-checksum-algorithm")
    type_text = headers.get("x-amz-checksum-type")
    if algorithm_text is None:
        if type_text is not None:
            raise InvalidRequest(
                "The x-amz-checksum-type header can only be used with the "
                "x-amz-checksum-algorithm header."
            )
        return None
    algorithm = parse_algorithm(algorithm_text, "x-amz-checksum-algorithm")
    if type_text is None:
        only_whole = algorithm is ChecksumAlgorithm.CRC64NVME
        return algorithm, ChecksumType.FULL_OBJECT if only_whole else ChecksumType.COMPOSITE
    return algorithm, _checksum_type(algorithm, type_text)


def _checksum_type(algorithm: ChecksumAlgorithm, text: str) -> ChecksumType:
    try:
        checksum_type = ChecksumType(text.upper())
    except ValueError as error:
        raise InvalidRequest("Value for x-amz-checksum-type header is invalid.") from error
    is_possible = (
        algorithm.is_crc
        if checksum_type is ChecksumType.FULL_OBJECT
        else algorithm is not ChecksumAlgorithm.CRC64NVME
    )
    if not is_possible:
        raise InvalidRequest(
            f"The {checksum_type.value} checksum type cannot be used with the "
            f"{algorithm.value.lower()} checksum algorithm."
        )
    return checksum_type


def whole_checksum(algorithm: ChecksumAlgorithm, digest: bytes) -> Checksum:
    """The stored form of a checksum over all bytes of an object or part."""
    return Checksum(algorithm.value, encode_digest(digest), ChecksumType.FULL_OBJECT.value)


def composite_checksum(algorithm: ChecksumAlgorithm, digests: Sequence[bytes]) -> Checksum:
    """The stored form of a COMPOSITE checksum: ``base64-N`` over the digests of N parts."""
    hasher = new_hasher(algorithm)
    hasher.update(b"".join(digests))
    value = f"{encode_digest(hasher.digest())}-{len(digests)}"
    return Checksum(algorithm.value, value, ChecksumType.COMPOSITE.value)


def combined_checksum(algorithm: ChecksumAlgorithm, parts: Sequence[tuple[bytes, int]]) -> Checksum:
    """The stored form of a FULL_OBJECT checksum, from those of the parts.

    Args:
        algorithm: a CRC.
        parts: digest and ``size_bytes`` of each part, in order.
    """
    assert algorithm.is_crc, algorithm
    combine = _CRC_COMBINATIONS[algorithm]
    value = 0
    for digest, size_bytes in parts:
        value = combine(value, int.from_bytes(digest, "big"), size_bytes)
    return whole_checksum(algorithm, value.to_bytes(algorithm.digest_size_bytes, "big"))


def encode_digest(digest: bytes) -> str:
    """The base64 that headers and documents carry."""
    return binascii.b2a_base64(digest, newline=False).decode("ascii")
