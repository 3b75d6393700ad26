"""What a scenario is made of: values, and the interface of a fault."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chaos.stage import Stage
    from rucket_platform.topology import SettingValue


class Need(StrEnum):
    """What a scenario can't do without."""

    COMMAND = "a server that we start: our own, or one by --command"
    OWN_SERVER = "a Rucket that we start: it acts on single processes of it"
    SMALL_DISK = "the right to mount a small disk (root)"
    FAKE_CLOCK = "libfaketime (Debian: faketime)"
    VERSIONS = "a server that keeps versions"


class Fault(Protocol):
    """Something that goes wrong, and is put right again."""

    @property
    def name(self) -> str:
        """In a few words, for the timeline."""

    def begin(self, stage: Stage) -> None:
        """Let it go wrong. Returns soon; what goes on lasts until `end`."""

    def end(self, stage: Stage) -> None:
        """Put it right. The server may still have to recover by itself."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault at a time of the scenario's own clock."""

    fault: Fault
    start_s: float
    duration_s: float

    @property
    def end_s(self) -> float:
        """When it is put right."""
        return self.start_s + self.duration_s


@dataclass(frozen=True, slots=True)
class Load:
    """What clients do all the while.

    Attributes:
        key_count: Few, so that clients meet on them.
        sizes_bytes: Of bodies; drawn at random.
        keeps_versions: Whether the bucket does, and clients read old ones as well.
    """

    client_count: int = 6
    key_count: int = 8
    sizes_bytes: tuple[int, ...] = (100, 9_000, 100_000, 1_500_000)
    keeps_versions: bool = False


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What has to hold, besides that nothing is lost, torn or out of order.

    Attributes:
        calm_success_share_min: Of requests begun while nothing is wrong and recovery is over.
        fault_success_share_min: Of requests begun while something is.
        recovery_s_max: How soon after the last fault every request succeeds again.
        operation_count_min: So that an idle run proves nothing and says so.
        overlap_min: How many operations on its key an operation meets, on average: without
            contention nothing is proved about order.
    """

    calm_success_share_min: float = 0.99
    fault_success_share_min: float = 0.0
    recovery_s_max: float = 10.0
    operation_count_min: int = 100
    overlap_min: float = 0.2


@dataclass(frozen=True, slots=True)
class Scenario:
    """A schedule of faults under load, and what has to hold.

    Attributes:
        about: What it is meant to show, in a sentence.
        duration_s: Of the load; faults lie within, with calm before and after.
        settings: Of our own server.
    """

    name: str
    about: str
    faults: tuple[Planned, ...]
    duration_s: float = 18.0
    needs: frozenset[Need] = frozenset()
    load: Load = field(default_factory=Load)
    hypothesis: Hypothesis = field(default_factory=Hypothesis)
    settings: Mapping[str, Mapping[str, SettingValue]] = field(default_factory=dict)
