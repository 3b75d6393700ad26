"""Known failures, and the gate."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.comparison import compare
from conformance.errors import ResultsError
from conformance.expectations import (
    Expectations,
    KnownFailures,
    first_expectations,
    judge,
    parse_expectations,
    read_expectations,
    settle,
    to_toml,
)
from conformance.results import Result, Run
from conformance.selection import Selection
from rucket_platform.reports.content import Outcome

KNOWN = Expectations(Selection.D1, 2, (KnownFailures("no ACLs", ("f::acl", "f::grant")),))


def run_of(**outcomes: bool) -> Run:
    results = tuple(
        Result(f"f::{name}", Outcome.PASSED if passed else Outcome.FAILED, 0, "" if passed else "x")
        for name, passed in outcomes.items()
    )
    return Run("Rucket", Selection.D1, "8f0ae7b4", "2026-01-01T00:00:00+00:00", 1, results)


def test_the_gate_is_open_where_exactly_the_known_ones_fail() -> None:
    """No regression, no unexpected pass."""
    assert judge(run_of(acl=False, grant=False, put=True), KNOWN).passed


def test_the_gate_shuts_on_a_regression_and_on_an_unexpected_pass() -> None:
    """Both make the file a lie."""
    judgement = judge(run_of(acl=False, grant=True, put=False), KNOWN)
    assert judgement.regressions == ("f::put",)
    assert judgement.unexpected_passes == ("f::grant",)
    assert not judgement.passed


def test_settling_takes_passes_off_and_never_takes_regressions_in() -> None:
    """So the count of known failures only falls."""
    after = settle(run_of(acl=False, grant=True, put=False), KNOWN)
    assert after == Expectations(Selection.D1, 1, (KnownFailures("no ACLs", ("f::acl",)),))
    assert settle(run_of(acl=True, grant=True), KNOWN).known == ()


def test_a_first_run_leaves_its_failures_under_the_causes_it_saw() -> None:
    """A person then names them better."""
    assert first_expectations(run_of(acl=False, put=True)).causes == {"f::acl": "x"}


@given(st.text(min_size=1).filter(str.strip), st.sets(st.text(min_size=1), min_size=1, max_size=3))
def test_a_file_of_expectations_is_read_back_as_written(cause: str, tests: set[str]) -> None:
    """Whatever characters a cause or a parameter has, but for those no UTF-8 has."""
    known = (KnownFailures(cause, tuple(sorted(tests))),)
    expectations = Expectations(Selection.D1, len(tests), known)
    try:
        text = to_toml(expectations)
        text.encode()
    except UnicodeEncodeError:
        return
    assert "\n[[known]]" in text
    assert parse_expectations(text, "d1.toml") == expectations


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (to_toml(replace(KNOWN, count_max=1)), "may only fall"),
        (to_toml(replace(KNOWN, known=KNOWN.known * 2)), "twice"),
        (to_toml(replace(KNOWN, known=(replace(KNOWN.known[0], cause=" "),))), "without a cause"),
        ("selection = 'D9'\ncount_max = 0", "isn't a file"),
        ("count_max = 0", "isn't a file"),
        ("[[known]]", "isn't a file"),
        ("= 1", "isn't a file"),
    ],
)
def test_expectations_that_don_t_hold_together_are_refused(
    tmp_path: Path, text: str, reason: str
) -> None:
    """A list that grew, repeats itself or names no cause is no gate."""
    path = tmp_path / "d1.toml"
    with pytest.raises(ResultsError, match="can't be read"):
        read_expectations(path)
    path.write_text(text)
    with pytest.raises(ResultsError, match=reason):
        read_expectations(path)


def test_two_runs_are_compared_on_what_both_have() -> None:
    """Gained, lost, and failing for another cause."""
    first = run_of(a=True, b=False, c=False, only_first=True)
    second = run_of(a=False, b=True, c=False, only_second=False)
    changed = tuple(
        replace(result, cause="y") if result.node_id == "f::c" else result
        for result in second.results
    )
    difference = compare(first, replace(second, results=changed))
    assert (difference.gained, difference.lost) == (("f::b",), ("f::a",))
    assert difference.other_cause == (("f::c", "x", "y"),)
    assert difference.common_count == 3
