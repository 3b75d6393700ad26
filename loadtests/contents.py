"""Bodies that tell which write they are of: every read can be compared with what was written.

A body is a line with its name and size, then bytes of one random pool from a place that the name
gives: made and compared without hashing every byte.
"""

from __future__ import annotations

import random
import zlib
from dataclasses import dataclass

_POOL = random.Random(20260101).randbytes(1024 * 1024)


@dataclass(frozen=True, slots=True)
class Written:
    """What a key holds: the number of the write, and its size."""

    write: int
    size_bytes: int

    def body(self, key: str) -> bytes:
        """The bytes."""
        head = f"{key} {self.write} {self.size_bytes}\n".encode()
        start = zlib.crc32(head) % len(_POOL)
        count = -(-(self.size_bytes + start) // len(_POOL)) + 1
        filler = memoryview(_POOL * count if count > 1 else _POOL)
        return (head + filler[start : start + self.size_bytes])[: self.size_bytes]


def difference(expected: bytes, found: bytes) -> str:
    """Where two bodies differ, in a line; empty if they don't."""
    if expected == found:
        return ""
    place = next(
        (at for at, (one, other) in enumerate(zip(expected, found, strict=False)) if one != other),
        min(len(expected), len(found)),
    )
    return f"{len(found)} bytes instead of {len(expected)}, different from byte {place} on"
