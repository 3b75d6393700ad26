"""The schedule of a scenario."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import pytest

from chaos.execution import _carry_out
from chaos.scenario import Planned, Scenario

if TYPE_CHECKING:
    from chaos.stage import Stage
    from chaos.workload import Clients


class Watch:
    """The scenario's clock, without clients."""

    def __init__(self) -> None:
        self._start_s = time.perf_counter()

    def now_s(self) -> float:
        return time.perf_counter() - self._start_s


@dataclass
class Slow:
    """A fault that takes its time to end, as a server that starts does."""

    ends_in_s: float
    steps: list[str] = field(default_factory=list)
    name: str = "slow"

    def begin(self, _: Stage, /) -> None:
        self.steps.append("begin")

    def end(self, _: Stage, /) -> None:
        time.sleep(self.ends_in_s)
        self.steps.append("end")


def carry_out(*faults: Planned) -> list[tuple[float, float]]:
    scenario = Scenario("slow", "", faults)
    events = _carry_out(scenario, cast("Stage", None), cast("Clients", Watch()))
    return [(event.start_s, event.end_s) for event in events]


def test_a_fault_that_ends_late_leaves_the_calm_before_the_next() -> None:
    """Else the next would begin at once, and nothing would be learned of the time between."""
    first, second = carry_out(Planned(Slow(0.5), 0.1, 0.1), Planned(Slow(0), 0.4, 0.1))
    assert first[1] >= 0.7
    assert second[0] - first[1] == pytest.approx(0.2, abs=0.15)


def test_no_fault_stays_begun_when_the_schedule_breaks() -> None:
    """A fault that can't begin doesn't keep another one from being taken back."""

    class Impossible(Slow):
        def begin(self, _: Stage, /) -> None:
            raise ZeroDivisionError

    begun = Slow(0)
    with pytest.raises(ZeroDivisionError):
        carry_out(Planned(begun, 0, 5), Planned(Impossible(0), 0.1, 5))
    assert begun.steps == ["begin", "end"]
