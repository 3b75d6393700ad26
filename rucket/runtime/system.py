"""The system's clock and randomness."""

from __future__ import annotations

import os
import random
import time


class SystemClock:
    """The `Clock` port on the operating system's clocks."""

    def wall_ms(self) -> int:
        """See `Clock.wall_ms`."""
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        """See `Clock.monotonic_s`."""
        return time.monotonic()


class SystemRandom:
    """The `Random` port on the operating system's generator."""

    def __init__(self) -> None:
        self._generator = random.SystemRandom()

    def token_bytes(self, size_bytes: int) -> bytes:
        """See `Random.token_bytes`."""
        return os.urandom(size_bytes)

    def uniform(self, low: float, high: float) -> float:
        """See `Random.uniform`."""
        return self._generator.uniform(low, high)
