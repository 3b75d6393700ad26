"""Bodies for tests of the service layer."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from rucket.model.errors import BadDigest, IncompleteBody
from rucket.model.records import Checksum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rucket.ports.tasks import Tasks
    from rucket.service.ingest import Hasher

KIB = 1024
MIB = 1024 * KIB


def content(size_bytes: int, salt: int = 0) -> bytes:
    """Bytes that don't repeat soon."""
    block = b"".join((number * 2654435761 + salt).to_bytes(8, "big") for number in range(8192))
    return (block * (size_bytes // len(block) + 1))[:size_bytes]


class _Crc32:
    def __init__(self) -> None:
        self.value = 0

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        self.value = zlib.crc32(data, self.value)


class TestPayload:
    """A body that comes in pieces.

    Args:
        tasks: for the time between pieces.
        data: all of it.
        piece_size_bytes: of each piece.
        is_size_known: whether the client has said how long it is.
        breaks_off_at: the client goes away after so many bytes.
        is_verified: whether it is what the client meant.
    """

    __test__ = False

    def __init__(
        self,
        tasks: Tasks,
        data: bytes,
        *,
        piece_size_bytes: int = 64 * KIB,
        is_size_known: bool = True,
        breaks_off_at: int | None = None,
        is_verified: bool = True,
    ) -> None:
        self.size_bytes = len(data) if is_size_known else None
        self.read_count = 0
        self._tasks = tasks
        self._data = data
        self._piece_size_bytes = piece_size_bytes
        self._position = 0
        self._breaks_off_at = breaks_off_at
        self._is_verified = is_verified
        self._crc32 = _Crc32()

    async def read(self) -> bytes | memoryview:
        """The next piece."""
        self.read_count += 1
        await self._tasks.sleep(0.0001)
        if self._breaks_off_at is not None and self._position >= self._breaks_off_at:
            raise IncompleteBody
        piece = memoryview(self._data)[self._position : self._position + self._piece_size_bytes]
        self._position += len(piece)
        return piece

    def hashers(self) -> Sequence[Hasher]:
        """What has to see every byte."""
        return [self._crc32]

    def verify(self) -> None:
        """Raises BadDigest if the test says so."""
        assert self._crc32.value == zlib.crc32(self._data), "not every byte was hashed, in order"
        if not self._is_verified:
            raise BadDigest

    def checksum(self) -> Checksum:
        """Of what was read."""
        return Checksum("CRC32", f"{self._crc32.value:08x}")
