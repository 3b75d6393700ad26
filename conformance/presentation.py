"""A run as a report: HTML for people, JSON and JUnit for pipelines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.comparison import compare
from conformance.features import by_feature, feature_of
from conformance.results import FILE_NAME, count_causes, to_json
from conformance.selection import Selection, listed_tests
from rucket_platform.reports.content import (
    Case,
    Chart,
    Drawing,
    Facts,
    Log,
    Report,
    Section,
    Series,
    Table,
    Text,
    Verdict,
)
from rucket_platform.reports.junit import junit_xml
from rucket_platform.reports.page import html

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from conformance.expectations import Judgement
    from conformance.results import Run
    from rucket_platform.reports.content import Block

_CAUSES_SHOWN = 25
_LOGS_SHOWN = 60


def score_lines(run: Run) -> list[str]:
    """Lines like ``D1 512 of 740``, one for each selection that was run whole."""
    lines = []
    for selection in Selection:
        score = run.score(selection, listed_tests())
        if score is not None:
            lines.append(f"{selection} {score[0]} of {score[1]}")
    return lines or [f"{_passed(run)} of {len(run.results)} chosen tests"]


def report_files(
    run: Run, judgement: Judgement | None, previous: Run | None, trend: Sequence[Run]
) -> dict[str, str | bytes]:
    """The files of a report.

    Args:
        run: What is reported.
        judgement: The gate's, if there is one.
        previous: A run to compare with.
        trend: Earlier runs, oldest first.
    """
    return {
        "index.html": html(_report(run, judgement, previous, trend)),
        FILE_NAME: to_json(run),
        "junit.xml": junit_xml(
            Case(
                suite=result.node_id.partition("::")[0],
                name=result.node_id.rpartition("::")[2],
                outcome=result.outcome,
                duration_s=result.duration_s,
                message=result.cause,
                detail=result.detail,
            )
            for result in run.results
        ),
    }


def comparison_report(first: Run, second: Run) -> Report:
    """Two runs beside each other, of one server at two times or of two servers."""
    return Report(
        title=f"S3 conformance: {first.target} and {second.target}",
        verdict=Verdict(
            passed=not compare(first, second).lost,
            sentence=_comparison_sentence(first, second),
        ),
        about=Facts(
            (
                ("first", f"{first.target}, {first.started}"),
                ("second", f"{second.target}, {second.started}"),
            )
        ),
        sections=(Section("Differences", _difference_blocks(first, second)),),
    )


def _comparison_sentence(first: Run, second: Run) -> str:
    one, other = "; ".join(score_lines(first)), "; ".join(score_lines(second))
    if first.target == second.target:
        return f"{one} became {other}."
    return f"{first.target}: {one}. {second.target}: {other}."


def _passed(run: Run) -> int:
    return sum(result.has_passed for result in run.results)


def _report(
    run: Run, judgement: Judgement | None, previous: Run | None, trend: Sequence[Run]
) -> Report:
    sections = [_overview(run), _causes(run)]
    if judgement is not None:
        sections.insert(0, _gate(judgement))
    if previous is not None:
        title = f"Since {previous.started}"
        sections.append(Section(title, _difference_blocks(previous, run)))
    if trend:
        sections.append(_trend([*trend, run]))
    sections.append(_all_tests(run))
    return Report(
        title=f"S3 conformance of {run.target}",
        verdict=_verdict(run, judgement),
        about=Facts(
            (
                ("suite", f"ceph/s3-tests {run.suite_commit[:12]}"),
                ("selection", run.selection.value),
                ("started", run.started),
                ("took", f"{run.duration_s:.0f} s"),
            )
        ),
        sections=tuple(sections),
    )


def _verdict(run: Run, judgement: Judgement | None) -> Verdict:
    scores = "; ".join(score_lines(run))
    if judgement is None:
        passed = _passed(run) == len(run.results)
        return Verdict(passed, f"{scores}." if passed else f"{scores}; no gate was asked for.")
    if judgement.passed:
        return Verdict(passed=True, sentence=f"{scores}; every failure is a known one.")
    return Verdict(
        passed=False,
        sentence=f"{scores}; {len(judgement.regressions)} regressions, "
        f"{len(judgement.unexpected_passes)} unexpected passes.",
    )


def _gate(judgement: Judgement) -> Section:
    if judgement.passed:
        return Section("Gate", (Text("No regression and no unexpected pass."),))
    rows = [(name, "fails, and isn't known to") for name in judgement.regressions]
    rows += [(name, "passes, but is listed as failing") for name in judgement.unexpected_passes]
    table = Table("", ("test", "what"), tuple(rows), frozenset(range(len(judgement.regressions))))
    return Section("Gate", (table,))


def _overview(run: Run) -> Section:
    rows = by_feature(run.results)
    features = tuple(feature for feature, _, _ in rows)
    chart = Chart(
        "Passed by part of S3",
        "",
        "% of tests",
        (
            Series(
                "passed",
                features,
                tuple(100 * passed / total for _, passed, total in rows),
                Drawing.BARS,
            ),
        ),
    )
    table = Table(
        "",
        ("part of S3", "passed", "of", "%"),
        tuple(
            (feature, passed, total, round(100 * passed / total)) for feature, passed, total in rows
        ),
        frozenset(number for number, row in enumerate(rows) if row[1] < row[2]),
    )
    return Section("Parts of S3", (chart, table))


def _causes(run: Run) -> Section:
    causes = count_causes(run.results)
    if not causes:
        return Section("What keeps tests from passing", (Text("Nothing does."),))
    columns = ("cause", "tests", "for instance")
    table = Table("", columns, tuple(causes[:_CAUSES_SHOWN]))
    more = causes[_CAUSES_SHOWN:]
    blocks: tuple[Block, ...] = (table,)
    if more:
        blocks += (Table("Further causes", columns, tuple(more), is_long=True),)
    logs = [result for result in run.results if result.detail][:_LOGS_SHOWN]
    return Section(
        "What keeps tests from passing",
        blocks + tuple(Log(result.node_id.rpartition("::")[2], result.detail) for result in logs),
    )


def _difference_blocks(first: Run, second: Run) -> tuple[Block, ...]:
    difference = compare(first, second)
    gained, lost = "Newly passed", "No longer passed"
    if first.target != second.target:
        gained, lost = f"Passed by {second.target} alone", f"Passed by {first.target} alone"
    return (
        Text(
            f"Of {difference.common_count} tests in both: {gained[0].lower()}{gained[1:]} "
            f"{len(difference.gained)}, {lost[0].lower()}{lost[1:]} {len(difference.lost)}."
        ),
        _names(lost, difference.lost, is_bad=True),
        _names(gained, difference.gained, is_bad=False),
        Table(
            "Failing for another cause",
            ("test", "before", "after"),
            difference.other_cause,
            is_long=True,
        ),
    )


def _names(title: str, names: Iterable[str], *, is_bad: bool) -> Table:
    rows = tuple((name.rpartition("::")[2], feature_of(name)) for name in names)
    failed = frozenset(range(len(rows))) if is_bad else frozenset()
    return Table(title, ("test", "part of S3"), rows, failed, is_long=not is_bad)


def _trend(runs: Sequence[Run]) -> Section:
    chart = Chart(
        "Tests passed",
        "run",
        "tests",
        (
            Series(
                "passed",
                tuple(run.started for run in runs),
                tuple(float(_passed(run)) for run in runs),
            ),
        ),
    )
    return Section("Trend", (chart,))


def _all_tests(run: Run) -> Section:
    rows = tuple(
        (result.node_id.rpartition("::")[2], result.outcome.value, result.duration_s, result.cause)
        for result in run.results
    )
    failed = frozenset(number for number, result in enumerate(run.results) if not result.has_passed)
    return Section(
        "All tests",
        (Table("Tests", ("test", "outcome", "s", "cause"), rows, failed, is_long=True),),
    )
