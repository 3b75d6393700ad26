"""The scenarios, as values."""

import pytest

from chaos.__main__ import main
from chaos.scenario import Need, Scenario
from chaos.scenarios import SCENARIOS


def test_names_are_unique_and_there_are_at_least_twelve() -> None:
    """Each means something else."""
    names = [scenario.name for scenario in SCENARIOS]
    assert len(set(names)) == len(names) >= 12


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_faults_lie_between_two_calm_times(scenario: Scenario) -> None:
    """Before them there is something to lose, after them something to recover to."""
    first_s = min(planned.start_s for planned in scenario.faults)
    last_s = max(planned.end_s for planned in scenario.faults)
    assert first_s >= 3
    assert scenario.duration_s - last_s >= 5
    assert scenario.hypothesis.operation_count_min > 0
    assert scenario.hypothesis.overlap_min > 0


def test_all_scenarios_are_listed_with_their_needs(capsys: pytest.CaptureFixture[str]) -> None:
    """For those who choose."""
    assert main(["list"]) == 0
    text = capsys.readouterr().out
    assert all(scenario.name in text for scenario in SCENARIOS)
    assert Need.SMALL_DISK in text


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["run", "no-such-thing"], "there is no scenario no-such-thing"),
        (["run", "latency", "--report", __file__], "is a file"),
        (["run", "latency", "--endpoint", "http://127.0.0.1:9"], "needs accounts"),
        (["run", "latency", "--command", "true"], "give both"),
    ],
)
def test_a_wrong_word_is_told_before_anything_is_broken(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    reason: str,
) -> None:
    """In one line, with exit code 2."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert reason in error
    assert "Traceback" not in error
