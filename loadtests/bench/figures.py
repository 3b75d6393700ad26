"""Samples, their medians and ratios. Pure.

A sample is one run of one workload against one store. Stores take turns within a round, so a
round's samples saw the same machine: the ratio of two stores is the median of the rounds' ratios,
not the ratio of two medians.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: its latencies, what it moved, and what it cost on both sides."""

    store: str
    workload: str
    round_index: int
    latencies_s: tuple[float, ...]
    bytes_moved: int
    elapsed_s: float
    client_cpu_s: float
    server_cpu_s: float | None
    server_pss_bytes: int | None

    @property
    def per_second(self) -> float:
        """Units finished per second."""
        return len(self.latencies_s) / self.elapsed_s


@dataclass(frozen=True, slots=True)
class Summary:
    """All rounds of one workload against one store."""

    store: str
    workload: str
    round_count: int
    unit_count: int
    per_second: float
    per_second_min: float
    per_second_max: float
    mib_per_second: float
    p50_ms: float
    p99_ms: float
    client_cpu_us_per_unit: float
    server_cpu_us_per_unit: float | None
    server_pss_mib: float | None


@dataclass(frozen=True, slots=True)
class Ratio:
    """The target's throughput by a peer's, round by round; above 1 the target is faster."""

    workload: str
    target: str
    peer: str
    median: float
    low: float
    high: float


def percentile(values: Sequence[float], fraction: float) -> float:
    """The smallest value that at least `fraction` of all values do not exceed.

    Raises:
        ValueError: There are no values, or the fraction is not within 0 and 1.
    """
    if not values or not 0 <= fraction <= 1:
        raise ValueError(f"no percentile {fraction} of {len(values)} values")
    ordered = sorted(values)
    rank = max(1, -(-int(fraction * 1_000_000) * len(ordered) // 1_000_000))
    return ordered[rank - 1]


def summarize(samples: Sequence[Sample]) -> Summary:
    """Bring the rounds of one workload and store together; there must be one at least."""
    rates = [sample.per_second for sample in samples]
    latencies = [latency for sample in samples for latency in sample.latencies_s]
    rate = median(rates)
    return Summary(
        store=samples[0].store,
        workload=samples[0].workload,
        round_count=len(samples),
        unit_count=len(latencies),
        per_second=rate,
        per_second_min=min(rates),
        per_second_max=max(rates),
        mib_per_second=median(one.bytes_moved / one.elapsed_s for one in samples) / MIB,
        p50_ms=percentile(latencies, 0.5) * 1000,
        p99_ms=percentile(latencies, 0.99) * 1000,
        client_cpu_us_per_unit=_cost_us([one.client_cpu_s for one in samples], len(latencies)),
        server_cpu_us_per_unit=_server_cost_us(samples, len(latencies)),
        server_pss_mib=_pss_mib(samples),
    )


def compare(target: Sequence[Sample], peer: Sequence[Sample]) -> Ratio:
    """Pair the rounds of two stores; both have the same rounds of the same workload."""
    ratios = [
        ours.per_second / theirs.per_second for ours, theirs in zip(target, peer, strict=True)
    ]
    return Ratio(
        workload=target[0].workload,
        target=target[0].store,
        peer=peer[0].store,
        median=median(ratios),
        low=min(ratios),
        high=max(ratios),
    )


def _cost_us(seconds: Sequence[float], unit_count: int) -> float:
    return sum(seconds) / unit_count * 1_000_000


def _server_cost_us(samples: Sequence[Sample], unit_count: int) -> float | None:
    known = [one.server_cpu_s for one in samples if one.server_cpu_s is not None]
    return _cost_us(known, unit_count) if len(known) == len(samples) else None


def _pss_mib(samples: Sequence[Sample]) -> float | None:
    known = [one.server_pss_bytes for one in samples if one.server_pss_bytes is not None]
    return max(known) / MIB if known else None
