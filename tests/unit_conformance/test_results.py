"""What became of each test, and why."""

import json
from pathlib import Path

import pytest

from conformance.errors import ResultsError
from conformance.results import (
    Result,
    Run,
    cause_of,
    collect,
    count_causes,
    read_run,
    to_json,
)
from conformance.selection import ListedTest, Selection, listed_tests
from rucket_platform.reports.content import Outcome


def listed(*names: str) -> list[ListedTest]:
    return [ListedTest(name, "a", "a", frozenset(), "") for name in names]


def line(node_id: str, when: str, outcome: str, detail: str = "") -> str:
    return json.dumps(
        {
            "node_id": node_id,
            "when": when,
            "outcome": outcome,
            "duration_s": 0.5,
            "detail": detail,
        }
    )


def run_of(*results: Result) -> Run:
    return Run("Rucket", Selection.D1, "8f0ae7b4", "2026-01-01T00:00:00+00:00", 1.5, results)


def test_a_test_has_passed_only_if_its_setup_its_call_and_its_teardown_have() -> None:
    """An error in the teardown takes back what the call has won."""
    lines = [
        line("f::good", "call", "passed"),
        line("f::bad", "call", "failed", "E   AssertionError: 1 == 2"),
        line("f::broken", "setup", "failed", "E   ConnectionError: gone"),
        line("f::unclean", "call", "passed"),
        line("f::unclean", "teardown", "failed", "E   RuntimeError: bucket stays"),
        line("f::idle", "setup", "skipped", "('f.py', 3, 'Skipped: no classes')"),
        line("f::stranger", "call", "passed"),
    ]
    results = collect(lines, listed("f::good", "f::bad", "f::broken", "f::unclean", "f::idle"))
    assert [(result.node_id, result.outcome, result.cause) for result in results] == [
        ("f::good", Outcome.PASSED, ""),
        ("f::bad", Outcome.FAILED, "AssertionError: 1 == 2"),
        ("f::broken", Outcome.ERROR, "setup: ConnectionError: gone"),
        ("f::unclean", Outcome.ERROR, "teardown: RuntimeError: bucket stays"),
        ("f::idle", Outcome.SKIPPED, "no classes"),
    ]


def test_a_test_with_parameters_counts_once_and_needs_all_of_them() -> None:
    """However many the configuration makes of it."""
    lines = [line("f::many[a]", "call", "passed"), line("f::many[b]", "call", "failed", "E   no")]
    assert [result.outcome for result in collect(lines, listed("f::many"))] == [Outcome.FAILED]
    assert [result.outcome for result in collect(lines[:1], listed("f::many"))] == [Outcome.PASSED]


def test_a_test_that_never_ran_isn_t_forgotten() -> None:
    """A crash of the suite must not make the score better."""
    (result,) = collect([], listed("f::lost"))
    assert (result.outcome, result.cause) == (Outcome.ERROR, "not run")


@pytest.mark.parametrize(
    ("detail", "cause"),
    [
        (
            "E   An error occurred (NotImplemented) when calling the PutObjectAcl operation: no",
            "PutObjectAcl: NotImplemented",
        ),
        ("E       Failed: Timeout (>60.0s) from pytest-timeout.", "timeout after 60.0 s"),
        ("x\nE       assert 200 == 403\nE        +  where", "answered 200 instead of 403"),
        ("", "no word"),
    ],
)
def test_a_cause_is_the_server_s_error_where_there_is_one(detail: str, cause: str) -> None:
    """Else the line that raised."""
    assert cause_of(detail) == cause


def test_a_run_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    """From its file, or from the folder of its report."""
    run = run_of(
        Result("f::good", Outcome.PASSED, 0.5),
        Result("f::bad", Outcome.FAILED, 1.25, "PutObjectAcl: NotImplemented", "E …"),
    )
    (tmp_path / "results.json").write_text(to_json(run))
    assert read_run(tmp_path) == read_run(tmp_path / "results.json") == run
    assert count_causes(run.results) == [("PutObjectAcl: NotImplemented", 1, "bad")]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format_version": 2}', '{"format_version": 1}'])
def test_what_isn_t_a_file_of_results_is_refused(tmp_path: Path, text: str) -> None:
    """And told apart from one that is missing."""
    path = tmp_path / "results.json"
    with pytest.raises(ResultsError, match="there are no results"):
        read_run(path)
    path.write_text(text)
    with pytest.raises(ResultsError, match=r"results\.json"):
        read_run(path)


def test_a_score_is_told_only_of_what_was_run_whole() -> None:
    """Half of D1 has no D1 score."""
    tests = [test for test in listed_tests() if test.is_in(Selection.D0)]
    whole = run_of(*(Result(test.node_id, Outcome.PASSED, 0) for test in tests))
    assert whole.score(Selection.D0, listed_tests()) == (668, 668)
    assert whole.score(Selection.D1, listed_tests()) is None
