"""How much of what was asked was answered, and how soon again after a fault."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request, whatever it was for.

    Attributes:
        error: What the client was told or met; empty for success, and for refusals that are
            right (a condition that doesn't hold, a key that isn't there).
    """

    name: str
    started_s: float
    ended_s: float
    error: str = ""

    @property
    def duration_s(self) -> float:
        """How long the client waited."""
        return self.ended_s - self.started_s


def success_share(attempts: Sequence[Attempt], start_s: float, end_s: float) -> float:
    """The share of attempts begun in [start_s, end_s) that succeeded; NaN if there were none."""
    chosen = [attempt for attempt in attempts if start_s <= attempt.started_s < end_s]
    if not chosen:
        return math.nan
    return sum(not attempt.error for attempt in chosen) / len(chosen)


def recovery_s(attempts: Sequence[Attempt], healed_s: float) -> float:
    """From the end of a fault until success comes back to stay: the end of the last attempt that
    failed after `healed_s`, infinite if none succeeded after it.
    """
    later = sorted(
        (attempt for attempt in attempts if attempt.ended_s >= healed_s),
        key=lambda attempt: attempt.ended_s,
    )
    if not later or later[-1].error:
        return math.inf
    failed = [attempt.ended_s for attempt in later if attempt.error]
    first = next(attempt.ended_s for attempt in later if not attempt.error)
    return max([first if not failed else failed[-1], healed_s]) - healed_s


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that `share` of all don't exceed; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
