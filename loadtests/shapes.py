"""How many users there are, and when: pure. Times are seconds of the run."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

Throughput: TypeAlias = "Callable[[int, int], float]"
"""How many requests succeeded a second, from one whole second of the run to another."""

REPORT_LAG_S = 1.0
"""So late workers may tell what they have seen."""


class Shape(Protocol):
    """The course of a run."""

    @property
    def warm_up_s(self) -> float:
        """What comes before isn't held against thresholds."""

    def users_at(self, run_time_s: float) -> int | None:
        """How many users there shall be; None when the run is over."""

    def observe(self, throughput: Throughput) -> None:
        """Hear, again and again, how many requests have succeeded so far."""


class ShapeName(StrEnum):
    """The shapes, by name."""

    STEADY = "steady"
    RAMP = "ramp"
    SPIKE = "spike"
    SOAK = "soak"
    KNEE = "knee"


_WARM_UP_SHARE = 0.1
_WARM_UP_S_MAX = 10.0
_SPIKE_FACTOR = 5
_SOAK_S_MIN = 3600
_STEP_S_MIN = 5


@dataclass(frozen=True, slots=True)
class Steady:
    """So many users all the while; a soak is a long one."""

    users: int
    duration_s: float

    @property
    def warm_up_s(self) -> float:
        """A tenth of the run, ten seconds at most."""
        return min(_WARM_UP_S_MAX, self.duration_s * _WARM_UP_SHARE)

    def users_at(self, run_time_s: float) -> int | None:
        """The same."""
        return self.users if run_time_s < self.duration_s else None

    def observe(self, throughput: Throughput) -> None:
        """Nothing follows from it."""


@dataclass(frozen=True, slots=True)
class Ramp:
    """From one user to all of them, evenly."""

    users: int
    duration_s: float

    @property
    def warm_up_s(self) -> float:
        """None: growing is what is looked at."""
        return 0.0

    def users_at(self, run_time_s: float) -> int | None:
        """More and more."""
        if run_time_s >= self.duration_s:
            return None
        return max(1, math.ceil(self.users * run_time_s / self.duration_s))

    def observe(self, throughput: Throughput) -> None:
        """Nothing follows from it."""


@dataclass(frozen=True, slots=True)
class Spike:
    """Five times as many users in the middle third."""

    users: int
    duration_s: float

    @property
    def warm_up_s(self) -> float:
        """As of a steady run."""
        return min(_WARM_UP_S_MAX, self.duration_s * _WARM_UP_SHARE)

    def users_at(self, run_time_s: float) -> int | None:
        """Few, many, few."""
        if run_time_s >= self.duration_s:
            return None
        is_spike = self.duration_s / 3 <= run_time_s < 2 * self.duration_s / 3
        return self.users * (_SPIKE_FACTOR if is_spike else 1)

    def observe(self, throughput: Throughput) -> None:
        """Nothing follows from it."""


@dataclass(frozen=True, slots=True)
class Step:
    """A number of users, and what came of it."""

    users: int
    throughput: float


@dataclass(slots=True)
class Knee:
    """More and more users, step by step, until more of them bring no more: the knee lies where
    throughput stopped growing.

    Attributes:
        users_max: Where the search ends in any case.
        step_s: How long each number of users is tried; its first half settles and doesn't count.
    """

    users_max: int
    step_s: float
    growth: float = 1.5
    gain_min: float = 0.05
    steps: list[Step] = field(default_factory=list)
    _users: int = 1
    _started_s: float = 0.0
    _throughput: Throughput | None = None
    _is_over: bool = False

    @property
    def warm_up_s(self) -> float:
        """None: each step has its own."""
        return 0.0

    @property
    def knee(self) -> Step | None:
        """The fewest users whose throughput is as good as the best, within what counts as gain."""
        if not self.steps:
            return None
        best = max(step.throughput for step in self.steps)
        return next(step for step in self.steps if step.throughput * (1 + self.gain_min) >= best)

    def users_at(self, run_time_s: float) -> int | None:
        """Of the step that is on."""
        if not self._is_over and run_time_s - self._started_s >= self.step_s:
            self._end_step(run_time_s)
        return None if self._is_over else self._users

    def observe(self, throughput: Throughput) -> None:
        """Keep it for the end of the step."""
        self._throughput = throughput

    def _end_step(self, run_time_s: float) -> None:
        first_s = math.ceil(self._started_s + self.step_s / 2)
        last_s = max(first_s + 1, math.floor(run_time_s - REPORT_LAG_S))
        throughput = self._throughput(first_s, last_s) if self._throughput else 0.0
        self.steps.append(Step(self._users, throughput))
        self._started_s = run_time_s
        self._is_over = self._users >= self.users_max or self._has_stalled()
        self._users = min(self.users_max, max(self._users + 1, int(self._users * self.growth)))

    def _has_stalled(self) -> bool:
        """Two steps in a row brought nothing over the best before them."""
        if len(self.steps) < 3:
            return False
        best = max(step.throughput for step in self.steps[:-2])
        return all(step.throughput < best * (1 + self.gain_min) for step in self.steps[-2:])


def make_shape(name: ShapeName, users: int, duration_s: float) -> Shape:
    """A shape by its name.

    Args:
        name: Which.
        users: Of a spike, outside of it; of a knee, where the search ends.
        duration_s: Of the run; of a knee, of a step. A soak lasts an hour at least, a step of a
            knee five seconds.
    """
    match name:
        case ShapeName.STEADY:
            return Steady(users, duration_s)
        case ShapeName.SOAK:
            return Steady(users, max(duration_s, _SOAK_S_MIN))
        case ShapeName.RAMP:
            return Ramp(users, duration_s)
        case ShapeName.SPIKE:
            return Spike(users, duration_s)
        case ShapeName.KNEE:
            return Knee(users, max(duration_s, _STEP_S_MIN))
