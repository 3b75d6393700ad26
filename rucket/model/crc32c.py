"""CRC32C, the check of everything Rucket writes. Source: RFC 3720, appendix B.4.

14 µs for a MiB: awscrt uses the processor's own instructions.
"""

from __future__ import annotations

import awscrt.checksums  # type: ignore[import-untyped]


def crc32c(data: bytes | bytearray | memoryview, previous: int = 0) -> int:
    """The check of `data`, or of what `previous` is the check of followed by `data`."""
    check: int = awscrt.checksums.crc32c(data, previous)
    return check
