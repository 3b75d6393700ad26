"""The gate on CPU time: no request may cost the server more than it did. Pure but for the file.

Costs are divided by the yardstick of the machine they were measured on
(`loadtests.bench.yardstick`). Of the rounds of a workload the cheapest counts: what else runs on
the machine can only make a round dearer.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtests.bench.endpoints import EndpointError
from loadtests.bench.figures import Sample

FORMAT_VERSION = 1
US = 1_000_000
DIGITS = 3


@dataclass(frozen=True, slots=True)
class Cost:
    """What one workload costs the server: microseconds a request, and yards, thousandths of the
    yardstick's own time.
    """

    workload: str
    server_cpu_us: float
    yards: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """A cost beside what it was."""

    cost: Cost
    baseline_yards: float | None
    tolerance: float

    @property
    def change(self) -> float | None:
        """0.1 for a tenth more than the baseline; None for a workload that it lacks."""
        if self.baseline_yards is None:
            return None
        return self.cost.yards / self.baseline_yards - 1

    @property
    def is_exceeded(self) -> bool:
        """Whether it costs more than is tolerated."""
        return self.change is not None and self.change > self.tolerance

    @property
    def may_be_lowered(self) -> bool:
        """Whether the baseline no longer holds anything back."""
        return self.change is not None and self.change < -self.tolerance


def costs(samples: Sequence[Sample], store: str, yardstick_s: float) -> list[Cost]:
    """What each workload cost that store, in the order of the samples; those without a known
    process are left out.
    """
    cheapest: dict[str, float] = {}
    for sample in samples:
        if sample.store == store and sample.server_cpu_s is not None:
            cpu_us = sample.server_cpu_s / len(sample.latencies_s) * US
            cheapest[sample.workload] = min(cpu_us, cheapest.get(sample.workload, cpu_us))
    return [
        Cost(name, round(cpu_us, DIGITS), round(cpu_us / (yardstick_s * US) * 1000, DIGITS))
        for name, cpu_us in cheapest.items()
    ]


def judge(found: Sequence[Cost], baseline: Mapping[str, float], tolerance: float) -> list[Verdict]:
    """Each cost beside the baseline's yards for that workload."""
    return [Verdict(cost, baseline.get(cost.workload), tolerance) for cost in found]


def read_baseline(path: Path) -> dict[str, float]:
    """The baseline's yards by workload.

    Raises:
        EndpointError: There is no baseline in the file.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format_version"] != FORMAT_VERSION:
            raise EndpointError(f"{path} is of format {document['format_version']}, not 1")
        return {name: float(yards) for name, yards in document["yards"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EndpointError(f"{path} is no baseline: {error!r}") from error


def write_baseline(path: Path, found: Sequence[Cost]) -> None:
    """Make these costs the baseline; workloads that weren't measured keep theirs."""
    yards = read_baseline(path) if path.exists() else {}
    yards.update({cost.workload: cost.yards for cost in found})
    document = {"format_version": FORMAT_VERSION, "yards": yards}
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def to_lines(verdicts: Sequence[Verdict]) -> list[str]:
    """What the gate says, a line for each workload."""
    lines = []
    for verdict in verdicts:
        cost, change = verdict.cost, verdict.change
        if change is None:
            remark = "not in the baseline"
        elif verdict.is_exceeded:
            remark = f"{change:+.0%}: MORE THAN TOLERATED (+{verdict.tolerance:.0%})"
        elif verdict.may_be_lowered:
            remark = f"{change:+.0%}: the baseline should be lowered"
        else:
            remark = f"{change:+.0%}"
        figures = f"{cost.server_cpu_us:>10,.0f} us {cost.yards:>9.1f} yards"
        lines.append(f"{cost.workload:<40} {figures}  {remark}")
    return lines
