"""A run as a report and as a page of the documentation."""

import json
from dataclasses import replace

from defusedxml import ElementTree

from conformance.compatibility import page
from conformance.expectations import Expectations, KnownFailures, judge
from conformance.features import by_feature, feature_of
from conformance.presentation import comparison_report, report_files, score_lines
from conformance.results import Result, Run
from conformance.selection import Selection, listed_tests, selected_tests
from rucket_platform.reports.content import Outcome
from rucket_platform.reports.page import html

FAILING = "s3tests/functional/test_s3.py::test_object_copy_canned_acl"


def d1_run() -> Run:
    results = tuple(
        Result(test.node_id, Outcome.PASSED, 0.5)
        if test.node_id != FAILING
        else Result(test.node_id, Outcome.FAILED, 0.5, "CopyObject: <NotImplemented>", "E  <b>")
        for test in selected_tests(Selection.D1)
    )
    return Run("Rucket", Selection.D1, "8f0ae7b404", "2026-01-01T00:00:00+00:00", 61, results)


def test_a_run_of_d1_tells_its_score_and_that_of_d0() -> None:
    """In lines that a pipeline can look for."""
    assert score_lines(d1_run()) == ["D0 667 of 668", "D1 739 of 740"]


def test_a_report_has_a_page_for_people_and_files_for_machines() -> None:
    """All three tell the same failure."""
    run = d1_run()
    known = Expectations(Selection.D1, 1, (KnownFailures("no ACLs on copies", (FAILING,)),))
    files = report_files(run, judge(run, known), run, [run])
    text = files["index.html"]
    assert isinstance(text, str)
    assert "every failure is a known one" in text
    assert "<NotImplemented>" not in text
    assert json.loads(files["results.json"])["results"][0]["outcome"] == "passed"
    suites = ElementTree.fromstring(files["junit.xml"])
    assert sum(int(suite.get("failures", "0")) for suite in suites) == 1


def test_a_regression_shuts_the_gate_in_the_first_line_of_the_report() -> None:
    """Nobody has to look for it."""
    run = d1_run()
    files = report_files(run, judge(run, Expectations(Selection.D1, 0, ())), None, [])
    assert "1 regressions" in str(files["index.html"])


def test_the_page_of_compatibility_names_causes_as_people_do() -> None:
    """Markdown's own signs in a cause are escaped."""
    known = Expectations(Selection.D1, 1, (KnownFailures("no <ACL> on copies", (FAILING,)),))
    assert "- no \\<ACL\\> on copies (1; Copy)" in page(d1_run(), known)
    assert "- CopyObject: \\<NotImplemented\\> (1; Copy)" in page(d1_run(), None)


def test_every_listed_test_is_about_some_part_of_s3() -> None:
    """The table of the report leaves none out."""
    unnamed = [test.node_id for test in listed_tests() if feature_of(test.node_id) == "Other"]
    assert unnamed == ["s3tests/functional/test_utils.py::test_generate"]
    rows = by_feature(d1_run().results)
    assert sum(total for _, _, total in rows) == 740


def test_a_comparison_tells_what_was_lost() -> None:
    """And fails for it."""
    worse = d1_run()
    better = Run(
        "Rucket",
        worse.selection,
        worse.suite_commit,
        worse.started,
        1,
        tuple(Result(result.node_id, Outcome.PASSED, 0) for result in worse.results),
    )
    report = comparison_report(better, worse)
    assert not report.verdict.passed
    assert "test_object_copy_canned_acl" in html(report)
    assert comparison_report(worse, better).verdict.passed


def test_two_servers_beside_each_other_are_called_by_their_names() -> None:
    """Neither has become the other."""
    one = d1_run()
    passed = tuple(Result(result.node_id, Outcome.PASSED, 0) for result in one.results)
    text = html(comparison_report(one, replace(one, target="Another", results=passed)))
    assert "passed by Another alone 1" in text
    assert f"{one.target}: D0" in text
    assert "became" not in text
