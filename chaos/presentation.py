"""Scenarios as a report: a timeline of faults, latency and errors for each, and the verdicts."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from rucket_platform.histories.availability import percentile
from rucket_platform.reports.content import (
    Band,
    Case,
    Chart,
    Drawing,
    Facts,
    Log,
    Outcome,
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
    from collections.abc import Sequence

    from chaos.execution import Judged
    from rucket_platform.histories.availability import Attempt
    from rucket_platform.reports.content import Block

_FORMAT_VERSION = 1
_POINTS_MAX = 3000
_OVERVIEW = ("availability", "recovery")
"""The promises whose figures differ from scenario to scenario; all are in its own section."""
_MS_PER_S = 1000


def report_files(
    target: str, started: str, duration_s: float, judged: Sequence[Judged]
) -> dict[str, str | bytes]:
    """The files of a report."""
    return {
        "index.html": html(_report(target, started, duration_s, judged)),
        "results.json": _json(target, started, judged),
        "junit.xml": junit_xml(case for one in judged for case in _cases(one)),
    }


def summary(judged: Sequence[Judged]) -> str:
    """What it comes to, in a sentence."""
    run = [one for one in judged if not one.skipped]
    failed = [one.scenario.name for one in run if not one.passed]
    skipped = len(judged) - len(run)
    text = f"{len(run) - len(failed)} of {len(run)} scenarios hold"
    if failed:
        text += f"; not {', '.join(failed)}"
    if skipped:
        text += f"; {skipped} could not be run here"
    return text + "."


def _report(target: str, started: str, duration_s: float, judged: Sequence[Judged]) -> Report:
    return Report(
        title=f"Chaos: {target}",
        verdict=Verdict(
            passed=any(one.passed for one in judged)
            and all(one.passed for one in judged if not one.skipped),
            sentence=summary(judged),
        ),
        about=Facts((("started", started), ("took", f"{duration_s:.0f} s"))),
        sections=(_overview(judged), *(_section(one) for one in judged if not one.skipped)),
    )


def _overview(judged: Sequence[Judged]) -> Section:
    run = [one for one in judged if not one.skipped]
    rows = []
    for one in run:
        seen = {verdict.promise: verdict.seen for verdict in one.verdicts}
        broken = ", ".join(verdict.promise for verdict in one.verdicts if not verdict.kept)
        figures = (seen.get(promise) for promise in _OVERVIEW)
        rows.append((one.scenario.name, "no" if broken else "yes", *figures, broken or None))
    failed = frozenset(number for number, one in enumerate(run) if not one.passed)
    columns = ("scenario", "holds", *_OVERVIEW, "broken")
    blocks = [Table("", columns, tuple(rows), failed)] if run else []
    skipped = tuple((one.scenario.name, one.skipped) for one in judged if one.skipped)
    if skipped:
        blocks.append(Table("Not run", ("scenario", "why"), skipped))
    return Section("Scenarios", tuple(blocks))


def _section(one: Judged) -> Section:
    scenario = one.scenario
    blocks: list[Block] = [
        Text(scenario.about),
        _latency_chart(one),
        _rate_chart(one),
        Table(
            "",
            ("promise", "kept", "seen", "what broke it"),
            tuple(
                (verdict.promise, verdict.kept, verdict.seen, "; ".join(verdict.problems))
                for verdict in one.verdicts
            ),
            frozenset(number for number, verdict in enumerate(one.verdicts) if not verdict.kept),
        ),
        *(
            Log(f"{verdict.promise}: what clients did and saw", "\n".join(verdict.evidence))
            for verdict in one.verdicts
            if verdict.evidence
        ),
        _operations_table(one.attempts),
    ]
    errors = Counter(attempt.error for attempt in one.attempts if attempt.error)
    if errors:
        blocks.append(Table("Errors", ("error", "count"), tuple(errors.most_common())))
    blocks.append(Facts((("seed", str(one.seed)), ("load", f"{scenario.duration_s:g} s"))))
    return Section(scenario.name, tuple(blocks))


def _bands(one: Judged) -> tuple[Band, ...]:
    return tuple(Band(event.name, event.start_s, event.end_s) for event in one.events)


def _latency_chart(one: Judged) -> Chart:
    step = max(1, len(one.attempts) // _POINTS_MAX)
    chosen = one.attempts[::step]
    names = sorted({attempt.name for attempt in chosen})
    series = [
        _points(name, [a for a in chosen if a.name == name and not a.error]) for name in names
    ]
    series.append(_points("failed", [attempt for attempt in chosen if attempt.error]))
    return Chart(
        "Latency of each request, with what was wrong meanwhile",
        "seconds",
        "ms",
        tuple(series),
        _bands(one),
        is_y_logarithmic=True,
        height_px=380,
    )


def _points(name: str, attempts: Sequence[Attempt]) -> Series:
    return Series(
        name,
        tuple(attempt.started_s for attempt in attempts),
        tuple(max(attempt.duration_s * _MS_PER_S, 0.01) for attempt in attempts),
        Drawing.POINTS,
    )


def _rate_chart(one: Judged) -> Chart:
    seconds = range(int(max((a.ended_s for a in one.attempts), default=0)) + 1)
    good = Counter(int(attempt.ended_s) for attempt in one.attempts if not attempt.error)
    bad = Counter(int(attempt.ended_s) for attempt in one.attempts if attempt.error)
    axis = tuple(float(second) for second in seconds)
    return Chart(
        "Requests that ended, each second",
        "seconds",
        "requests",
        (
            Series("succeeded", axis, tuple(float(good[s]) for s in seconds), Drawing.STEPS),
            Series("failed", axis, tuple(float(bad[s]) for s in seconds), Drawing.STEPS),
        ),
        _bands(one),
        height_px=260,
    )


def _operations_table(attempts: Sequence[Attempt]) -> Table:
    rows = []
    for name in sorted({attempt.name for attempt in attempts}):
        chosen = [attempt for attempt in attempts if attempt.name == name]
        good_ms = [attempt.duration_s * _MS_PER_S for attempt in chosen if not attempt.error]
        rows.append(
            (
                name,
                len(chosen),
                len(chosen) - len(good_ms),
                percentile(good_ms, 0.5),
                percentile(good_ms, 0.95),
                percentile(good_ms, 0.99),
            )
        )
    columns = ("operation", "requests", "failed", "p50 ms", "p95 ms", "p99 ms")
    return Table("", columns, tuple(rows))


def _cases(one: Judged) -> list[Case]:
    name = one.scenario.name
    if one.skipped:
        return [Case(name, "all", Outcome.SKIPPED, 0, one.skipped)]
    return [
        Case(
            name,
            verdict.promise,
            Outcome.PASSED if verdict.kept else Outcome.FAILED,
            one.scenario.duration_s,
            verdict.seen,
            "\n".join((*verdict.problems, *verdict.evidence)),
        )
        for verdict in one.verdicts
    ]


def _json(target: str, started: str, judged: Sequence[Judged]) -> str:
    content = {
        "format_version": _FORMAT_VERSION,
        "target": target,
        "started": started,
        "scenarios": [
            {
                "name": one.scenario.name,
                "seed": one.seed,
                "passed": one.passed,
                "skipped": one.skipped,
                "events": [[event.name, event.start_s, event.end_s] for event in one.events],
                "verdicts": [
                    {
                        "promise": verdict.promise,
                        "kept": verdict.kept,
                        "seen": verdict.seen,
                        "problems": list(verdict.problems),
                        "evidence": list(verdict.evidence),
                    }
                    for verdict in one.verdicts
                ],
            }
            for one in judged
        ],
    }
    return json.dumps(content, indent=1) + "\n"
