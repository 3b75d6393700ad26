"""The report: a table on the terminal, JSON for programs, Markdown for people."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from loadtests.bench.client_limits import ClientLimit
from loadtests.bench.figures import Ratio, Summary
from loadtests.bench.gate import Cost, Verdict
from loadtests.bench.limits import LimitSummary

FORMAT_VERSION = 2
NOTHING = "-"

COLUMNS = (
    "workload",
    "store",
    "per s",
    "rounds min..max",
    "MiB/s",
    "p50 ms",
    "p99 ms",
    "server CPU µs",
    "client CPU µs",
    "PSS MiB",
    "target ÷ this",
)
LIMIT_COLUMNS = ("workload", "limit", "per s", "limit per s", "ratio", "wanted")
NOT_ON_TERMINAL = {"rounds min..max", "client CPU µs"}


@dataclass(frozen=True, slots=True)
class Report:
    """All that is known when every run has ended well."""

    command: str
    date: str
    commit: str
    quick: bool
    machine: Mapping[str, str]
    servers: Mapping[str, str]
    summaries: Sequence[Summary]
    ratios: Sequence[Ratio]
    client_limits: Sequence[ClientLimit] = ()
    limits: Sequence[LimitSummary] = ()
    costs: Sequence[Cost] = ()
    verdicts: Sequence[Verdict] = ()


def write_report(report: Report, directory: Path) -> None:
    """Write `bench.json` and `bench.md` into `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "bench.json").write_text(to_json(report), encoding="utf-8")
    (directory / "bench.md").write_text(to_markdown(report), encoding="utf-8")


def to_json(report: Report) -> str:
    """The report as one JSON object."""
    return json.dumps({"format_version": FORMAT_VERSION, **asdict(report)}, indent=2) + "\n"


def to_markdown(report: Report) -> str:
    """The report as a page: how it was made, the machine, ratios and figures."""
    lines = [
        "# Benchmark",
        "",
        f"`{report.command}`",
        "",
        f"Commit {report.commit}, {report.date}." + _caution(report),
        "",
        "| machine | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in report.machine.items()),
        "",
        "| store | server says |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in report.servers.items()),
        "",
        _markdown_row(COLUMNS),
        "|---|---|" + "---:|" * (len(COLUMNS) - 2),
        *(_markdown_row(row) for row in rows(report)),
        "",
        *_limit_lines(report),
        *_client_limit_lines(report),
    ]
    return "\n".join(lines)


def _limit_lines(report: Report) -> list[str]:
    if not report.limits:
        return []
    return [
        "Against what the machine allows:",
        "",
        _markdown_row(LIMIT_COLUMNS),
        "|---|---|" + "---:|" * (len(LIMIT_COLUMNS) - 2),
        *(_markdown_row(_limit_row(limit)) for limit in report.limits),
        "",
    ]


def _limit_row(limit: LimitSummary) -> tuple[str, ...]:
    return (
        limit.name,
        limit.limit,
        _number(limit.target_per_second),
        _number(limit.limit_per_second),
        f"{limit.ratio:.2f} ({limit.ratio_low:.2f}..{limit.ratio_high:.2f})",
        f"{limit.wanted:.1f}" + ("" if limit.is_met else ", missed"),
    )


def _client_limit_lines(report: Report) -> list[str]:
    if not report.client_limits:
        return []
    lines = ["Where the client itself is half of the way or more to its own limit:", ""]
    for one in report.client_limits:
        ratios = ", ".join(f"{most:.1f} to {peer}" for peer, most in one.ratios_max.items())
        lines.append(
            f"- {one.workload}: {_number(one.client_cpu_us)} µs of the client's own, so "
            f"{_number(one.per_second_max)} a second at most; the target reaches "
            f"{one.reached:.0%} of it."
            + (f" No ratio can exceed {ratios}." if ratios else "")
            + (f" It spends them on {'; '.join(one.functions)}." if one.functions else "")
        )
    return [*lines, ""]


def print_report(report: Report, console: Console) -> None:
    """Show the figures as a table."""
    shown = [number for number, name in enumerate(COLUMNS) if name not in NOT_ON_TERMINAL]
    table = Table(title=f"{report.commit}, {report.date}.{_caution(report)}", box=box.SIMPLE_HEAD)
    for number in shown:
        table.add_column(COLUMNS[number], justify="left" if number < 2 else "right", no_wrap=True)
    previous = ""
    for row in rows(report):
        first = "" if row[0] == previous else row[0]
        table.add_row(first, *(row[number] for number in shown[1:]))
        previous = row[0]
    console.print(table)
    if report.limits:
        beside = Table(title="against what the machine allows", box=box.SIMPLE_HEAD)
        for number, name in enumerate(LIMIT_COLUMNS):
            beside.add_column(name, justify="left" if number < 2 else "right", no_wrap=True)
        for limit in report.limits:
            beside.add_row(*_limit_row(limit))
        console.print(beside)
    for line in _client_limit_lines(report):
        console.print(line, markup=False, highlight=False)


def rows(report: Report) -> list[tuple[str, ...]]:
    """A row for each workload and store, in the order of COLUMNS."""
    ratios = {(ratio.workload, ratio.peer): ratio for ratio in report.ratios}
    return [
        _row(summary, ratios.get((summary.workload, summary.store))) for summary in report.summaries
    ]


def _row(summary: Summary, ratio: Ratio | None) -> tuple[str, ...]:
    return (
        summary.workload,
        summary.store,
        _number(summary.per_second),
        f"{_number(summary.per_second_min)}..{_number(summary.per_second_max)}",
        _number(summary.mib_per_second),
        f"{summary.p50_ms:.2f}",
        f"{summary.p99_ms:.2f}",
        _number(summary.server_cpu_us_per_unit),
        _number(summary.client_cpu_us_per_unit),
        _number(summary.server_pss_mib),
        f"{ratio.median:.2f} ({ratio.low:.2f}..{ratio.high:.2f})" if ratio else NOTHING,
    )


def _number(value: float | None) -> str:
    """Three digits at least, no decimals that say nothing."""
    if value is None:
        return NOTHING
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}"


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _caution(report: Report) -> str:
    return " A quick look, no figures to quote." if report.quick else ""
