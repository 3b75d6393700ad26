"""The checksums of multipart uploads: which is kept of a part, and what becomes of them.

An upload that asked for no algorithm keeps CRC64NVME, whatever its parts declare: their declared
checksums are verified and answered, and the object gets one over all its bytes. Source: S3 User
Guide, "Checking object integrity for multipart uploads".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.model.checksums import ChecksumAlgorithm, ChecksumType
from rucket.model.errors import BadDigest, InvalidRequest
from rucket.wire.checksums import (
    HEADER_PREFIX,
    combined_checksum,
    composite_checksum,
    parse_digest,
)
from rucket.wire.headers import parse_content_length
from rucket.wire.kept_checksum import DEFAULT_ALGORITHM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rucket.model.records import Checksum, MultipartUpload
    from rucket.service.multipart import CompletedParts
    from rucket.wire.checksums import DeclaredChecksum

_VALUE_HEADERS = {f"{HEADER_PREFIX}{algorithm.value.lower()}" for algorithm in ChecksumAlgorithm}
_OBJECT_SIZE = "x-amz-mp-object-size"


def kept_algorithm(upload: MultipartUpload) -> ChecksumAlgorithm:
    """The algorithm of the checksums that are kept of an upload's parts."""
    if not upload.checksum_algorithm:
        return DEFAULT_ALGORITHM
    return ChecksumAlgorithm(upload.checksum_algorithm)


def check_part_algorithm(upload: MultipartUpload, declared: DeclaredChecksum | None) -> None:
    """Returns if a part may declare what it declares.

    Raises:
        InvalidRequest: the upload has another algorithm.
    """
    if declared is None or not upload.checksum_algorithm:
        return
    if declared.algorithm.value != upload.checksum_algorithm:
        raise _mismatch(upload.checksum_algorithm, declared.algorithm.value)


class CompletionJudgement:
    """What the headers of a CompleteMultipartUpload request say about the object."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._size_bytes = parse_content_length(headers.get(_OBJECT_SIZE), _OBJECT_SIZE)
        self._type = headers.get("x-amz-checksum-type")
        self._values = {name: value for name, value in headers.items() if name in _VALUE_HEADERS}

    def __call__(self, upload: MultipartUpload, parts: CompletedParts) -> Checksum | None:
        """The checksum of the object.

        Raises:
            InvalidRequest: the size, the algorithm or the type is another one.
            BadDigest: the checksum is another one.
        """
        if self._size_bytes is not None and self._size_bytes != parts.size_bytes:
            raise InvalidRequest(
                f"The provided '{_OBJECT_SIZE}' header does not match what was computed."
            )
        algorithm = kept_algorithm(upload)
        checksum_type = upload.checksum_type or ChecksumType.FULL_OBJECT.value
        if self._type is not None and self._type.upper() != checksum_type:
            raise InvalidRequest(
                f"The upload was created using the {checksum_type} checksum mode. The complete "
                "request must use the same checksum mode."
            )
        checksum = _checksum(algorithm, checksum_type, parts)
        if checksum is not None:
            self._compare(checksum)
        return checksum

    def _compare(self, checksum: Checksum) -> None:
        for name, value in self._values.items():
            if name != f"{HEADER_PREFIX}{checksum.algorithm.lower()}":
                declared = name.removeprefix(HEADER_PREFIX)
                raise _mismatch(checksum.algorithm, declared)
            # Of a composite checksum some clients leave out how many parts there are.
            if value not in (checksum.value, checksum.value.partition("-")[0]):
                raise BadDigest(
                    f"The {checksum.algorithm} you specified did not match the calculated checksum."
                )


def _checksum(
    algorithm: ChecksumAlgorithm, checksum_type: str, parts: CompletedParts
) -> Checksum | None:
    digests: list[tuple[bytes, int]] = []
    for part in parts.summaries:
        if part.checksum is None or part.checksum.algorithm != algorithm.value:
            return None
        digests.append((parse_digest(algorithm, part.checksum.value), part.size_bytes))
    if checksum_type == ChecksumType.COMPOSITE.value:
        return composite_checksum(algorithm, [digest for digest, _ in digests])
    return combined_checksum(algorithm, digests)


def _mismatch(expected: str, actual: str) -> InvalidRequest:
    return InvalidRequest(
        f"Checksum Type mismatch occurred, expected checksum Type: {expected.lower()}, "
        f"actual checksum Type: {actual.lower()}"
    )
