"""A clock that stands where it was put."""

from dataclasses import dataclass


@dataclass(slots=True)
class StandingClock:
    """The `Clock` port."""

    now_ms: int = 1_700_000_000_123

    def wall_ms(self) -> int:
        return self.now_ms

    def monotonic_s(self) -> float:
        return self.now_ms / 1000
