"""Time, as everything above this layer may know it."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """The wall clock and a clock that only goes forward."""

    def wall_ms(self) -> int:
        """Milliseconds since the Unix epoch; may step in either direction."""
        ...

    def monotonic_s(self) -> float:
        """Seconds since some moment; never goes back."""
        ...
