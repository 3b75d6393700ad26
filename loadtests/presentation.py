"""A run, or two beside each other, as a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtests.outcome import FILE_NAME, to_json
from loadtests.recording import Operation
from loadtests.samples import cpu_cores, rates
from rucket_platform.reports.content import (
    Case,
    Chart,
    Drawing,
    Facts,
    Report,
    Section,
    Series,
    Table,
    Text,
    Verdict,
)
from rucket_platform.reports.content import Outcome as CaseOutcome
from rucket_platform.reports.junit import junit_xml
from rucket_platform.reports.page import html

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtests.outcome import Outcome
    from rucket_platform.reports.content import Block

_MIB = 1024 * 1024
_PERCENTILES = (("p50", 0.50), ("p95", 0.95), ("p99", 0.99))
_WRONG_SHOWN = 50
_COLUMNS_MAX = 40
_FSYNC = "rucket_wal_fsync_duration_seconds"


def report_files(outcome: Outcome) -> dict[str, str | bytes]:
    """The files of a run's report."""
    return {
        "index.html": html(_report(outcome)),
        FILE_NAME: to_json(outcome),
        "junit.xml": junit_xml(_cases(outcome)),
    }


def summary(outcome: Outcome) -> str:
    """What it came to, in a sentence."""
    operations = outcome.operations()
    good = sum(found.latency.count for found in operations.values())
    bad = sum(found.errors.total() for found in operations.values())
    missed = sum(not check.kept for check in outcome.checks)
    text = f"{good / max(outcome.measured_s, 1e-9):,.0f} operations a second, {bad:,} errors"
    if outcome.knee is not None:
        knee = outcome.knee
        text += f"; saturated at {knee.users} users with {knee.throughput:,.0f} a second"
    if outcome.checks:
        text += f"; {missed} of {len(outcome.checks)} thresholds missed"
    if outcome.recording.wrong_bytes:
        text += f"; {len(outcome.recording.wrong_bytes)} reads returned wrong bytes"
    return text + "."


def comparison(first: Outcome, second: Outcome) -> Report:
    """Two runs beside each other: of one server at two times, or of two servers."""
    one, other = first.operations(), second.operations()
    rows = []
    for name in sorted(one.keys() & other.keys()):
        before, after = _figures(one[name], first), _figures(other[name], second)
        ratio = None
        if before[1] and after[1]:
            ratio = float(after[1]) / float(before[1])
        rows.append((name, before[1], after[1], ratio, before[5], after[5]))
    columns = ("operation", "first /s", "second /s", "ratio", "first p99 ms", "second p99 ms")
    runs = ((f"first: {first.target}", one), (f"second: {second.target}", other))
    charts: list[Block] = []
    for label, share in _PERCENTILES:
        names = tuple(name for name, *_ in rows)
        charts.append(
            Chart(
                label,
                "",
                "ms",
                tuple(
                    Series(
                        title,
                        names,
                        tuple(run[name].latency.percentile_ms(share) for name in names),
                        Drawing.BARS,
                    )
                    for title, run in runs
                ),
                height_px=260,
            )
        )
    return Report(
        title=f"Load: {first.target} and {second.target}",
        verdict=Verdict(
            first.passed and second.passed, f"first: {summary(first)} second: {summary(second)}"
        ),
        about=Facts(
            (
                ("first", f"{first.profile}, {first.shape}, {first.started}"),
                ("second", f"{second.profile}, {second.shape}, {second.started}"),
            )
        ),
        sections=(Section("By operation", (Table("", columns, tuple(rows)), *charts)),),
    )


def _report(outcome: Outcome) -> Report:
    sections = [_overview(outcome), _timeline(outcome)]
    if outcome.steps:
        sections.insert(0, _knee(outcome))
    sections += [_histograms(outcome), _errors(outcome)]
    if outcome.samples:
        sections.append(_server(outcome))
    return Report(
        title=f"Load on {outcome.target}: {outcome.profile}, {outcome.shape}",
        verdict=Verdict(outcome.passed, summary(outcome)),
        about=Facts(
            (
                ("started", outcome.started),
                (
                    "took",
                    f"{outcome.duration_s:.0f} s, warm-up {outcome.warm_up_s:.0f} s",
                ),
                ("users", max((count for _, count in outcome.users), default=0)),
                ("worker processes", outcome.worker_count),
                ("machine of the clients", outcome.machine),
            )
        ),
        sections=tuple(sections),
    )


def _figures(operation: Operation, outcome: Outcome) -> tuple[float | int | None, ...]:
    seconds = max(outcome.measured_s, 1e-9)
    latency = operation.latency
    return (
        operation.count,
        latency.count / seconds,
        operation.errors.total(),
        *(latency.percentile_ms(share) for _, share in _PERCENTILES),
        operation.bytes_moved / seconds / _MIB,
    )


def _overview(outcome: Outcome) -> Section:
    operations = outcome.operations()
    table = Table(
        "",
        ("operation", "requests", "/s", "errors", "p50 ms", "p95 ms", "p99 ms", "MiB/s"),
        tuple((name, *_figures(found, outcome)) for name, found in operations.items()),
        frozenset(
            number for number, found in enumerate(operations.values()) if found.errors.total()
        ),
    )
    blocks: list[Block] = [table]
    if outcome.checks:
        rows = tuple(
            (check.operation, check.what, check.limit, check.measured, check.kept)
            for check in outcome.checks
        )
        failed = frozenset(n for n, check in enumerate(outcome.checks) if not check.kept)
        columns = ("operation", "threshold", "limit", "measured", "kept")
        blocks.append(Table("Thresholds", columns, rows, failed))
    if wrong := outcome.recording.wrong_bytes:
        shown = tuple((text,) for text in wrong[:_WRONG_SHOWN])
        failed = frozenset(range(len(shown)))
        blocks.append(Table("Wrong bytes", ("what was read",), shown, failed))
    else:
        blocks.append(Text("Every read was compared with what was written: all bytes were right."))
    return Section("Operations", tuple(blocks))


def _timeline(outcome: Outcome) -> Section:
    seconds = tuple(s for s in outcome.recording.seconds if 0 <= s < outcome.duration_s)
    by_second = []
    for second in seconds:
        merged = Operation()
        for name, found in outcome.recording.by_second.get(second, {}).items():
            if "(cleanup)" not in name:
                merged.add(found)
        by_second.append(merged)
    axis = tuple(float(second) for second in seconds)
    latency = Chart(
        "Latency of all operations",
        "seconds",
        "ms",
        tuple(
            Series(label, axis, tuple(one.latency.percentile_ms(share) for one in by_second))
            for label, share in _PERCENTILES
        ),
        is_y_logarithmic=True,
    )
    throughput = Chart(
        "Operations that ended, each second",
        "seconds",
        "a second",
        (
            Series("succeeded", axis, tuple(float(one.latency.count) for one in by_second)),
            Series("failed", axis, tuple(float(one.errors.total()) for one in by_second)),
        ),
    )
    users = Chart(
        "Users",
        "seconds",
        "users",
        (
            Series(
                "users",
                tuple(at_s for at_s, _ in outcome.users),
                tuple(float(count) for _, count in outcome.users),
                Drawing.STEPS,
            ),
        ),
        height_px=200,
    )
    return Section("Over time", (latency, throughput, users))


def _knee(outcome: Outcome) -> Section:
    steps = outcome.steps
    chart = Chart(
        "Throughput by number of users",
        "users",
        "operations a second",
        (
            Series(
                "throughput",
                tuple(float(step.users) for step in steps),
                tuple(step.throughput for step in steps),
            ),
        ),
    )
    rows = tuple((step.users, step.throughput, step == outcome.knee) for step in steps)
    return Section("The knee", (chart, Table("", ("users", "operations a second", "knee"), rows)))


def _histograms(outcome: Outcome) -> Section:
    charts = []
    for name, found in outcome.operations().items():
        columns = found.latency.columns(_COLUMNS_MAX)
        charts.append(
            Chart(
                name,
                "ms",
                "requests",
                (
                    Series(
                        name,
                        tuple(round(start_ms, 3) for start_ms, _ in columns),
                        tuple(float(count) for _, count in columns),
                        Drawing.STEPS,
                    ),
                ),
                is_x_logarithmic=True,
                height_px=220,
            )
        )
    return Section("Distribution of latencies", tuple(charts))


def _errors(outcome: Outcome) -> Section:
    rows = [
        (name, code, count)
        for name, found in outcome.operations().items()
        for code, count in found.errors.most_common()
    ]
    if not rows:
        return Section("Errors", (Text("None."),))
    failed = frozenset(range(len(rows)))
    return Section("Errors", (Table("", ("operation", "code", "count"), tuple(rows), failed),))


def _server(outcome: Outcome) -> Section:
    samples = outcome.samples
    charts = [
        _sampled("CPU of the server's processes", "cores", cpu_cores(samples)),
        _sampled("Entries into the log", "a second", rates(samples, "rucket_wal_appends_total")),
        _sampled("Time in fsync of the log", "s a second", rates(samples, f"{_FSYNC}_sum")),
        _sampled("fsyncs of the log", "a second", rates(samples, f"{_FSYNC}_count")),
    ]
    found = tuple(chart for chart in charts if chart is not None)
    if not found:
        return Section("The server", (Text("Its processes and metrics aren't known here."),))
    return Section("The server", found)


def _sampled(title: str, unit: str, points: Sequence[tuple[float, float]]) -> Chart | None:
    if not points:
        return None
    series = Series(title, tuple(at_s for at_s, _ in points), tuple(value for _, value in points))
    return Chart(title, "seconds", unit, (series,), height_px=220)


def _cases(outcome: Outcome) -> list[Case]:
    suite = f"load {outcome.profile}"
    cases = [
        Case(
            suite,
            f"{check.operation} {check.what} {check.limit:g}",
            CaseOutcome.PASSED if check.kept else CaseOutcome.FAILED,
            outcome.duration_s,
            "" if check.kept else f"measured {check.measured}",
        )
        for check in outcome.checks
    ]
    wrong = outcome.recording.wrong_bytes
    cases.append(
        Case(
            suite,
            "every byte is right",
            CaseOutcome.FAILED if wrong else CaseOutcome.PASSED,
            outcome.duration_s,
            f"{len(wrong)} reads weren't" if wrong else "",
            "\n".join(wrong[:_WRONG_SHOWN]),
        )
    )
    return cases
