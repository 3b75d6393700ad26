"""The gate on CPU time, and its yardstick."""

from pathlib import Path

import pytest

from loadtests.bench.endpoints import EndpointError
from loadtests.bench.gate import (
    Cost,
    costs,
    judge,
    read_baseline,
    to_lines,
    write_baseline,
)
from loadtests.bench.yardstick import measure_yardstick_s
from tests.unit_loadtests.test_figures import sample


def test_the_cheapest_round_counts_in_yards_of_this_machine() -> None:
    """Other programs make rounds dearer; other stores don't matter."""
    samples = [
        sample("ours", 0, 100, 1.0, server_cpu_s=0.4),
        sample("ours", 1, 100, 1.0, server_cpu_s=0.2),
        sample("theirs", 0, 100, 1.0, server_cpu_s=0.1),
    ]

    assert costs(samples, "ours", yardstick_s=0.01) == [Cost("GET", 2000.0, 200.0)]
    assert costs([sample("ours", 0, 1, 1.0, server_cpu_s=None)], "ours", 1.0) == []


@pytest.mark.parametrize(
    ("yards", "is_exceeded", "may_be_lowered"),
    [(100, False, False), (120, False, False), (121, True, False), (79, False, True)],
)
def test_more_than_tolerated_is_exceeded(
    *, yards: float, is_exceeded: bool, may_be_lowered: bool
) -> None:
    """A little more passes; much less asks for a lower baseline."""
    (verdict,) = judge([Cost("GET", 1.0, yards)], {"GET": 100.0}, tolerance=0.2)

    assert verdict.is_exceeded is is_exceeded
    assert verdict.may_be_lowered is may_be_lowered
    assert ("MORE" in to_lines([verdict])[0]) is is_exceeded


def test_what_the_baseline_lacks_passes_and_says_so() -> None:
    """A new workload can't fail before it has a baseline."""
    (verdict,) = judge([Cost("new", 1.0, 1.0)], {}, tolerance=0.2)

    assert not verdict.is_exceeded
    assert "not in the baseline" in to_lines([verdict])[0]


def test_baseline_is_written_and_read_and_keeps_what_was_not_measured(tmp_path: Path) -> None:
    """A run of one workload leaves the others' figures alone."""
    path = tmp_path / "baseline.json"
    write_baseline(path, [Cost("GET", 5.0, 10.0), Cost("PUT", 5.0, 20.0)])
    write_baseline(path, [Cost("PUT", 4.0, 15.0)])

    assert read_baseline(path) == {"GET": 10.0, "PUT": 15.0}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format_version": 2}', '{"yards": {}}'])
def test_what_is_no_baseline_is_refused(tmp_path: Path, text: str) -> None:
    """With the file's name; a missing one as well."""
    path = tmp_path / "baseline.json"
    path.write_text(text)

    with pytest.raises(EndpointError, match=r"baseline\.json is"):
        read_baseline(path)
    with pytest.raises(EndpointError, match="is no baseline"):
        read_baseline(tmp_path / "missing.json")


def test_yardstick_takes_some_time() -> None:
    """Milliseconds, not nothing and not seconds."""
    assert 0.0005 < measure_yardstick_s() < 1.0
