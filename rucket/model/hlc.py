"""Hybrid logical clock: time stamps that never run backwards and stay close to the wall clock.

A stamp is a u64: 48 bits of wall-clock milliseconds, then a 16-bit counter that orders stamps
within a millisecond and carries on when the wall clock steps back.
Source: Kulkarni et al., "Logical Physical Clocks" (2014), figure 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LOGICAL_BITS = 16
LOGICAL_MASK = (1 << LOGICAL_BITS) - 1
REMOTE_SKEW_MS_MAX = 500


def physical_ms_of(stamp: int) -> int:
    """The milliseconds in the u64 of a stamp, where a listing has a thousand of them."""
    return stamp >> LOGICAL_BITS


@dataclass(frozen=True, slots=True, order=True)
class HlcTimestamp:
    """One stamp; ordered by its u64."""

    value: int

    @property
    def physical_ms(self) -> int:
        """Milliseconds since the Unix epoch."""
        return self.value >> LOGICAL_BITS

    @property
    def logical(self) -> int:
        """Order within `physical_ms`."""
        return self.value & LOGICAL_MASK

    @classmethod
    def of(cls, physical_ms: int, logical: int = 0) -> HlcTimestamp:
        """The stamp with these parts."""
        return cls((physical_ms << LOGICAL_BITS) | logical)


class RemoteClockSkewError(Exception):
    """A remote stamp is further ahead of our wall clock than `REMOTE_SKEW_MS_MAX`."""


class HlcClock:
    """Issues stamps, each greater than every stamp issued or seen before.

    Args:
        wall_clock_ms: the wall clock, milliseconds since the Unix epoch.
        last: the greatest stamp known from before, so that a restart doesn't go back.
    """

    def __init__(
        self, wall_clock_ms: Callable[[], int], last: HlcTimestamp = HlcTimestamp(0)
    ) -> None:
        self._wall_clock_ms = wall_clock_ms
        self._last = last.value
        self.rejected_count = 0

    def now(self) -> HlcTimestamp:
        """A new stamp. A counter that overflows runs on into the milliseconds."""
        self._last = max(self._wall_clock_ms() << LOGICAL_BITS, self._last + 1)
        return HlcTimestamp(self._last)

    def update(self, remote: HlcTimestamp) -> HlcTimestamp:
        """A new stamp, greater than `remote` as well.

        Raises:
            RemoteClockSkewError: `remote` is too far ahead; the clock is left as it was.
        """
        if remote.physical_ms - self._wall_clock_ms() > REMOTE_SKEW_MS_MAX:
            self.rejected_count += 1
            raise RemoteClockSkewError(f"stamp of {remote.physical_ms} ms is ahead of our clock")
        self._last = max(self._last, remote.value)
        return self.now()

    def observe(self, stamp: HlcTimestamp) -> None:
        """Takes note of a stamp from our own log: the next one will be greater."""
        self._last = max(self._last, stamp.value)
