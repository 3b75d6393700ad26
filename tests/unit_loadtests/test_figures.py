"""The benchmark's statistics."""

import pytest

from loadtests.bench.figures import Sample, compare, percentile, summarize


def sample(
    store: str, round_index: int, count: int, seconds: float, *, server_cpu_s: float | None = 0.5
) -> Sample:
    """A run of `count` units of 10 ms each."""
    return Sample(
        store=store,
        workload="GET",
        round_index=round_index,
        latencies_s=(0.01,) * count,
        bytes_moved=count * 1024,
        elapsed_s=seconds,
        client_cpu_s=0.1,
        server_cpu_s=server_cpu_s,
        server_pss_bytes=None if server_cpu_s is None else (round_index + 1) * 1024 * 1024,
    )


@pytest.mark.parametrize(
    ("fraction", "expected"), [(0, 1), (0.01, 1), (0.5, 50), (0.99, 99), (0.991, 100), (1, 100)]
)
def test_percentile_is_the_smallest_value_that_covers_the_fraction(
    fraction: float, expected: int
) -> None:
    """Nearest rank: no value in between is made up."""
    assert percentile(list(range(100, 0, -1)), fraction) == expected


@pytest.mark.parametrize(("values", "fraction"), [([], 0.5), ([1.0], -0.1), ([1.0], 1.1)])
def test_percentile_of_nothing_is_refused(values: list[float], fraction: float) -> None:
    """There is no percentile of no values or outside of 0 and 1."""
    with pytest.raises(ValueError, match="no percentile"):
        percentile(values, fraction)


def test_summary_takes_the_median_of_rounds_and_the_largest_memory() -> None:
    """One bad round changes the range, not the figure; costs are by unit."""
    rounds = [sample("ours", n, count, 1.0) for n, count in enumerate((100, 10, 120))]

    summary = summarize(rounds)

    assert (summary.per_second, summary.per_second_min, summary.per_second_max) == (100, 10, 120)
    assert summary.unit_count == 230
    assert summary.p50_ms == summary.p99_ms == 10
    assert summary.server_cpu_us_per_unit == pytest.approx(1.5 / 230 * 1e6)
    assert summary.server_pss_mib == 3


def test_summary_without_a_process_has_no_server_cost() -> None:
    """What was not measured is None, not zero."""
    summary = summarize([sample("ours", 0, 100, 1.0, server_cpu_s=None)])

    assert summary.server_cpu_us_per_unit is None
    assert summary.server_pss_mib is None


def test_ratio_pairs_the_rounds() -> None:
    """A machine that got slower for both in a round leaves the ratio as it is."""
    ours = [sample("ours", n, count, 1.0) for n, count in enumerate((200, 20, 220))]
    theirs = [sample("theirs", n, count, 1.0) for n, count in enumerate((100, 10, 100))]

    ratio = compare(ours, theirs)

    assert (ratio.median, ratio.low, ratio.high) == (2.0, 2.0, 2.2)
    assert (ratio.target, ratio.peer) == ("ours", "theirs")
