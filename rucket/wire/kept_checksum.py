"""The checksum that is kept with an object or part, computed as the bytes go by.

What a client declares is kept once it has been verified; where it declares nothing, CRC64NVME is
computed, as S3 does: it costs a hundredth of what MD5 costs, covers the whole object and can be
combined from those of parts. Source: S3 User Guide, "Checking object integrity".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.model.checksums import ChecksumAlgorithm
from rucket.wire.checksums import Hasher, new_hasher, whole_checksum

if TYPE_CHECKING:
    from rucket.model.records import Checksum
    from rucket.wire.checksums import DeclaredChecksum
    from rucket.wire.operation import Body

DEFAULT_ALGORITHM = ChecksumAlgorithm.CRC64NVME


class ComputedChecksum:
    """A checksum of bytes that nobody has declared anything about."""

    __slots__ = ("_algorithm", "_hasher")

    def __init__(self, algorithm: ChecksumAlgorithm) -> None:
        self._algorithm = algorithm
        self._hasher = new_hasher(algorithm)

    @property
    def algorithm(self) -> str:
        """Which, by its S3 name."""
        return self._algorithm.value

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        """Takes the next bytes."""
        self._hasher.update(data)

    def checksum(self) -> Checksum:
        """That of all bytes so far."""
        return whole_checksum(self._algorithm, self._hasher.digest())


class ChecksummedBody:
    """A request's body, with the checksums that are kept and answered.

    Args:
        body: of the request.
        declared: what the request declares about it; the body verifies that.
        kept: the algorithm to keep; None keeps the declared one, or the default.
    """

    __slots__ = ("_added", "_body", "_declared", "_hashers", "_kept")

    def __init__(
        self,
        body: Body,
        declared: DeclaredChecksum | None,
        kept: ChecksumAlgorithm | None = None,
    ) -> None:
        self._body = body
        self._declared = declared
        if kept is None:
            kept = DEFAULT_ALGORITHM if declared is None else declared.algorithm
        self._kept = kept
        self._hashers: dict[ChecksumAlgorithm, Hasher] = {}
        self._added: list[Hasher] = []
        for algorithm in dict.fromkeys((kept, kept if declared is None else declared.algorithm)):
            if declared is None or declared.algorithm is not algorithm or declared.digest is None:
                hasher = body.hasher_of(algorithm)
                if hasher is None:
                    hasher = new_hasher(algorithm)
                    self._added.append(hasher)
                self._hashers[algorithm] = hasher

    @property
    def size_bytes(self) -> int | None:
        """See `Body.size_bytes`."""
        return self._body.size_bytes

    async def read(self) -> bytes | bytearray | memoryview:
        """See `Body.read`."""
        return await self._body.read()

    def hashers(self) -> list[Hasher]:
        """What must see every byte."""
        return [*self._body.hashers(), *self._added]

    def verify(self) -> None:
        """See `Body.verify`."""
        self._body.verify()

    def checksum(self) -> Checksum:
        """The one that is kept, once the body has been verified."""
        return self._checksum(self._kept)

    def answered_checksum(self) -> Checksum:
        """The one that the client is told: in the algorithm it used, if it did."""
        return self._checksum(self._kept if self._declared is None else self._declared.algorithm)

    def _checksum(self, algorithm: ChecksumAlgorithm) -> Checksum:
        hasher = self._hashers.get(algorithm)
        if hasher is not None:
            return whole_checksum(algorithm, hasher.digest())
        assert self._declared is not None, "what has no hasher was declared"
        assert self._declared.digest is not None, "what has no hasher was declared by value"
        return whole_checksum(algorithm, self._declared.digest)
