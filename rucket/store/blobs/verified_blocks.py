"""Reading a run of bytes whose blocks have checks. No byte leaves unverified. Blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.model.crc32c import crc32c
from rucket.model.errors import CorruptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rucket.ports.disk import Buffer, File


class BlockChecks:
    """The checks of data that comes piece by piece.

    Args:
        block_size_bytes: of all blocks but the last.
    """

    __slots__ = ("_block_crc", "_block_size_bytes", "_checks", "size_bytes")

    def __init__(self, block_size_bytes: int) -> None:
        self._block_size_bytes = block_size_bytes
        self._checks: list[int] = []
        self._block_crc = 0
        self.size_bytes = 0

    def update(self, data: Buffer) -> None:
        """Takes the next piece."""
        view = memoryview(data)
        start = 0
        while start < len(view):
            room = self._block_size_bytes - (self.size_bytes + start) % self._block_size_bytes
            piece = view[start : start + room]
            self._block_crc = crc32c(piece, self._block_crc)
            start += len(piece)
            if len(piece) == room:
                self._checks.append(self._block_crc)
                self._block_crc = 0
        self.size_bytes += len(view)

    def all(self) -> list[int]:
        """A CRC32C for each block so far; the last one may be short."""
        if self.size_bytes % self._block_size_bytes:
            return [*self._checks, self._block_crc]
        return list(self._checks)


class VerifiedBlocks:
    """`size_bytes` bytes of a file, from byte `start` on.

    Args:
        checks: the CRC32C of each block; the last block may be short.
        name: for errors.
    """

    __slots__ = ("_block_size_bytes", "_checks", "_file", "_name", "_start", "size_bytes")

    def __init__(
        self,
        file: File,
        start: int,
        size_bytes: int,
        block_size_bytes: int,
        checks: Sequence[int],
        name: str,
    ) -> None:
        self._file = file
        self._start = start
        self.size_bytes = size_bytes
        self._block_size_bytes = block_size_bytes
        self._checks = checks
        self._name = name

    def read(self, offset: int, size_bytes: int) -> bytes:
        """Exactly `size_bytes` bytes from `offset` on.

        Raises:
            CorruptionError: a block that was touched isn't what was written.
            DeviceError: it can't be read.
        """
        first, end = self.whole_blocks(offset, size_bytes)
        data = self._file.read_at(self._start + first, end - first)
        return self.verified(data, first, end, offset, size_bytes)

    def read_cached(self, offset: int, size_bytes: int) -> bytes | None:
        """As `read`, but None where that would have to wait for the device."""
        first, end = self.whole_blocks(offset, size_bytes)
        data = self._file.read_cached_at(self._start + first, end - first)
        return None if data is None else self.verified(data, first, end, offset, size_bytes)

    def whole_blocks(self, offset: int, size_bytes: int) -> tuple[int, int]:
        """Where the blocks that a range touches begin and end."""
        assert offset >= 0
        assert offset + size_bytes <= self.size_bytes
        block = self._block_size_bytes
        end = -(-(offset + size_bytes) // block) * block
        return offset // block * block, min(end, self.size_bytes)

    def verified(self, data: bytes, first: int, end: int, offset: int, size_bytes: int) -> bytes:
        """The range out of the blocks from `first` to `end`, which `data` should be.

        Raises:
            CorruptionError: it isn't.
        """
        if len(data) != end - first:
            raise CorruptionError(self._name, f"it ends at byte {first + len(data)}")
        block = self._block_size_bytes
        if end - first <= block:
            if data and crc32c(data) != self._checks[first // block]:
                self._refuse(first // block)
        else:
            view = memoryview(data)
            for number, start in enumerate(range(0, len(view), block), start=first // block):
                if crc32c(view[start : start + block]) != self._checks[number]:
                    self._refuse(number)
        if len(data) == size_bytes:
            return data
        return data[offset - first : offset - first + size_bytes]

    def _refuse(self, number: int) -> None:
        raise CorruptionError(self._name, f"the check of block {number} doesn't fit")
