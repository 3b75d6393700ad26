"""What a run has to keep."""

from pathlib import Path

import pytest

from loadtests.errors import LoadTestError
from loadtests.outcome import Outcome, read_outcome, to_json
from loadtests.presentation import comparison, report_files, summary
from loadtests.recording import Operation, Recording
from loadtests.samples import Sample, cpu_cores, rates
from loadtests.shapes import Step
from loadtests.thresholds import TOTAL, Limits, check_thresholds, read_thresholds


def recording(*, errors: int = 0) -> Recording:
    """100 writes of 10 ms in the seconds 0 to 9."""
    found = Recording()
    for number in range(100):
        found.note(number // 10, "PutObject", 10, 1000, "SlowDown" if number < errors else "")
    return found


def operations(*, errors: int = 0) -> dict[str, Operation]:
    return recording(errors=errors).totals()


@pytest.mark.parametrize(
    ("limits", "kept"),
    [
        (Limits(p50_ms_max=11), True),
        (Limits(p50_ms_max=9), False),
        (Limits(p99_ms_max=11, p95_ms_max=11), True),
        (Limits(throughput_min=8), True),
        (Limits(throughput_min=10), False),
        (Limits(error_share_max=0.1), True),
        (Limits(error_share_max=0.09), False),
    ],
)
def test_a_limit_is_kept_or_missed(limits: Limits, *, kept: bool) -> None:
    """Ten of a hundred failed; nine a second succeeded."""
    for name in ("PutObject", TOTAL):
        checks = check_thresholds({name: limits}, operations(errors=10), 10)
        assert checks
        assert all(check.kept for check in checks) == kept


def test_a_threshold_of_what_did_not_happen_is_missed() -> None:
    """It proves nothing."""
    (check,) = check_thresholds({"GetObject": Limits(p99_ms_max=1000)}, operations(), 10)
    assert (check.measured, check.kept) == (None, False)


def test_a_file_of_thresholds_is_read(tmp_path: Path) -> None:
    """Limits by operation, and for all together."""
    path = tmp_path / "limits.toml"
    path.write_text("[total]\nthroughput_min = 5\n[operations.GetObject]\np99_ms_max = 20.5\n")
    assert read_thresholds(path) == {
        "GetObject": Limits(p99_ms_max=20.5),
        TOTAL: Limits(throughput_min=5),
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "has no thresholds"),
        ("[", "can't be read"),
        ("[operation.GetObject]", "has a table operation"),
        ("[operations]\nGetObject = 3", "is not a table"),
        ("[total]\np98_ms_max = 3", "has no p98_ms_max"),
        ("[total]\np99_ms_max = '3'", "is not a number"),
        ("[total]\np99_ms_max = true", "is not a number"),
        ("[total]\np99_ms_max = -1", "is not a number"),
    ],
)
def test_a_wrong_file_is_told_what_is_wrong(tmp_path: Path, text: str, reason: str) -> None:
    """A threshold that is misspelt must not pass for one that is kept."""
    path = tmp_path / "limits.toml"
    path.write_text(text)
    with pytest.raises(LoadTestError, match=reason):
        read_thresholds(path)


def outcome_of(found: Recording, **changes: object) -> Outcome:
    values: dict[str, object] = {
        "target": "Rucket",
        "profile": "small",
        "shape": "steady",
        "started": "2026-01-01T00:00:00+00:00",
        "duration_s": 10.0,
        "warm_up_s": 1.0,
        "worker_count": 1,
        "machine": "here",
        "recording": found,
        "users": ((0.5, 4),),
        "samples": (
            Sample(1, 1.0, {"rucket_wal_appends_total": 5}),
            Sample(3, 2.0, {"rucket_wal_appends_total": 15}),
        ),
        "steps": (Step(1, 10.0), Step(2, 11.0)),
        "knee": Step(1, 10.0),
    }
    return Outcome(**{**values, **changes})  # type: ignore[arg-type]


def test_a_run_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    """From its file, or from the folder of its report."""
    checks = tuple(check_thresholds({TOTAL: Limits(p50_ms_max=1)}, operations(), 10))
    outcome = outcome_of(recording(errors=3), checks=checks)
    (tmp_path / "results.json").write_text(to_json(outcome))
    assert read_outcome(tmp_path) == outcome
    with pytest.raises(LoadTestError, match="there is no run"):
        read_outcome(tmp_path / "nowhere")
    (tmp_path / "results.json").write_text("{}")
    with pytest.raises(LoadTestError, match="isn't a run"):
        read_outcome(tmp_path)


def test_wrong_bytes_fail_a_run_that_keeps_every_threshold() -> None:
    """And stand in its report."""
    good = outcome_of(recording())
    found = recording()
    found.wrong_bytes.append("k: 3 bytes instead of 4")
    bad = outcome_of(found)
    assert (good.passed, bad.passed) == (True, False)
    assert "1 reads returned wrong bytes" in summary(bad)
    assert "k: 3 bytes instead of 4" in str(report_files(bad)["index.html"])
    assert b"3 bytes instead" in report_files(bad)["junit.xml"]


def test_a_run_in_which_nothing_happened_has_not_passed() -> None:
    """Whatever its thresholds."""
    assert not outcome_of(Recording()).passed


def test_what_the_server_used_is_told_by_difference() -> None:
    """Of its CPU time, and of its counters."""
    samples = outcome_of(recording()).samples
    assert cpu_cores(samples) == [(3, 0.5)]
    assert rates(samples, "rucket_wal_appends_total") == [(3, 5.0)]
    assert rates(samples, "unknown") == []


def test_two_runs_are_compared_by_operation() -> None:
    """With the ratio of their throughputs."""
    table = comparison(outcome_of(recording()), outcome_of(recording(errors=50))).sections[0]
    row = table.blocks[0].rows[0]  # type: ignore[union-attr]
    assert row[0] == "PutObject"
    assert row[3] == pytest.approx(50 / 90, rel=0.01)
