"""Randomness, as everything above this layer may know it."""

from __future__ import annotations

from typing import Protocol


class Random(Protocol):
    """A source of unpredictable bytes (of predictable ones, in simulation)."""

    def token_bytes(self, size_bytes: int) -> bytes:
        """`size_bytes` bytes fit for keys and ids."""
        ...

    def uniform(self, low: float, high: float) -> float:
        """A number between `low` and `high`, for jitter."""
        ...
