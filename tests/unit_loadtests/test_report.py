"""The benchmark's report."""

import json
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from loadtests.bench.client_limits import ClientLimit
from loadtests.bench.figures import Ratio, Summary
from loadtests.bench.limits import LimitSummary
from loadtests.bench.report import Report, print_report, to_json, to_markdown, write_report


def summary(store: str, per_second: float, server_cpu_us: float | None) -> Summary:
    """Figures of one store."""
    return Summary(
        store=store,
        workload="GET 1 KiB",
        round_count=3,
        unit_count=3000,
        per_second=per_second,
        per_second_min=per_second - 1,
        per_second_max=per_second + 1,
        mib_per_second=1.25,
        p50_ms=0.5,
        p99_ms=2.125,
        client_cpu_us_per_unit=50,
        server_cpu_us_per_unit=server_cpu_us,
        server_pss_mib=None,
    )


REPORT = Report(
    command="python -m loadtests.bench",
    date="2026-01-02 03:04 UTC",
    commit="abc1234",
    quick=False,
    machine={"cores": "2"},
    servers={"rucket": "Rucket", "other": "Other"},
    summaries=[summary("rucket", 2000, 300), summary("other", 1000, None)],
    ratios=[Ratio("GET 1 KiB", "rucket", "other", 2.0, 1.9, 2.1)],
)


def test_markdown_has_the_command_the_machine_and_a_ratio_for_the_peer() -> None:
    """What was not measured is a dash; the ratio stands in the peer's row."""
    page = to_markdown(REPORT)

    assert "`python -m loadtests.bench`" in page
    assert "Commit abc1234, 2026-01-02 03:04 UTC.\n" in page
    assert "| cores | 2 |" in page
    assert (
        "| GET 1 KiB | rucket | 2,000 | 1,999..2,001 | 1.2 | 0.50 | 2.12 | 300 | 50.0 | - | - |"
        in page
    )
    assert (
        "| GET 1 KiB | other | 1,000 | 999..1,001 | 1.2 | 0.50 | 2.12 | - | 50.0 | - "
        "| 2.00 (1.90..2.10) |" in page
    )


def test_json_reads_back() -> None:
    """Programs find the same figures, and the format's version."""
    read = json.loads(to_json(REPORT))

    assert read["format_version"] == 2
    assert [row["store"] for row in read["summaries"]] == ["rucket", "other"]
    assert read["ratios"][0]["median"] == 2.0


def test_report_is_written_as_two_files(tmp_path: Path) -> None:
    """The directory is made when it is missing."""
    write_report(REPORT, tmp_path / "new")

    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["bench.json", "bench.md"]


def test_table_names_a_workload_once() -> None:
    """The second store's row leaves the name out."""
    console = Console(width=160, record=True, quiet=False)
    with console.capture() as capture:
        print_report(REPORT, console)

    text = capture.get()
    assert text.count("GET 1 KiB") == 1
    assert "2.00 (1.90..2.10)" in text


def test_limits_stand_below_the_table_when_they_were_measured() -> None:
    """What is missed says so; a client near its limit is named with what it spends its time on."""
    limits = [
        LimitSummary("GET", "nginx", 4000, 10000, 0.4, 0.3, 0.5, wanted=0.3),
        LimitSummary("PUT", "fdatasync", 40, 100, 0.4, 0.3, 0.5, wanted=0.6),
    ]
    near = ClientLimit("GET 1 KiB", 50.0, 20000, 0.5, {"other": 5.0}, ("30% recv_into",))

    page = to_markdown(replace(REPORT, limits=limits, client_limits=[near]))

    assert "| GET | nginx | 4,000 | 10,000 | 0.40 (0.30..0.50) | 0.3 |" in page
    assert "| 0.40 (0.30..0.50) | 0.6, missed |" in page
    assert "- GET 1 KiB: 50.0 µs of the client's own, so 20,000 a second at most;" in page
    assert "No ratio can exceed 5.0 to other. It spends them on 30% recv_into." in page
    assert "Against what" not in to_markdown(REPORT)
