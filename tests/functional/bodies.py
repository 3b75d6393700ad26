"""Bytes to upload."""

from __future__ import annotations

import random

KIB = 1024
MIB = 1024 * KIB


def content(size_bytes: int, seed: int = 0) -> bytes:
    """Bytes that don't repeat; the same ones for the same seed."""
    return random.Random(seed).randbytes(size_bytes)
