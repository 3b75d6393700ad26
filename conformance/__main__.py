"""`python -m conformance`: run the suite, hold runs against expectations, compare them."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from conformance.compatibility import page
from conformance.configuration import account_sets, wanted_users
from conformance.execution import Pace, run_tests
from conformance.expectations import (
    first_expectations,
    judge,
    read_expectations,
    settle,
    to_toml,
)
from conformance.presentation import comparison_report, report_files, score_lines
from conformance.results import Run, read_run
from conformance.selection import Selection, selected_tests
from conformance.suite import COMMIT, prepare_suite
from rucket_platform.command_line import ExitCode, positive, run_command
from rucket_platform.reports.folder import check_folder, write_folder
from rucket_platform.reports.page import html
from rucket_platform.targets.choice import add_options, chosen_target
from rucket_platform.tools.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conformance.expectations import Judgement

_DEFAULT_REPORT = Path("dist/conformance")


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if what was asked for is so, 1 if a gate is shut, 2 if it could not be done."""
    return run_command(_parser(), arguments)


def _run(options: argparse.Namespace) -> int:
    if not options.suite:
        # Said loudly, so that nobody takes a green pipeline for a passed suite.
        print("SKIPPED: conformance was not judged: no s3-tests on this machine (--suite PATH)")
        return 0
    console = Console(stderr=True)
    progress = Progress(console)
    check_folder(options.report)
    expectations = read_expectations(options.expectations) if options.expectations else None
    previous = read_run(options.previous) if options.previous else None
    trend = [read_run(path) for path in options.trend]
    suite = prepare_suite(options.suite, progress)
    if not suite.is_pinned:
        progress.say(f"the suite is at {suite.commit[:12]}, the lists are of {COMMIT}")
    tests = selected_tests(options.select)
    if options.match:
        tests = tuple(test for test in tests if options.match in test.node_id)
    pace = Pace(options.workers, options.test_timeout_s, options.lifecycle_day_s)
    started = datetime.now(UTC).isoformat(timespec="seconds")
    started_s = time.monotonic()
    # Requests for encryption need a master key to be encrypted under; any will do for one run.
    settings = {"storage.encryption": {"master_key": secrets.token_hex(32)}}
    users = wanted_users(options.workers)
    with chosen_target(options, progress, settings=settings, users=users) as target:
        account_sets(target.accounts)
        title = f"{len(tests)} tests against {target.name}"
        with progress.step(title, usually=_usually(len(tests))) as show:
            results = run_tests(
                suite,
                target,
                tests,
                pace,
                lambda ended, passed: show(f"{ended} of {len(tests)} ended, {passed} passed"),
                progress,
            )
        name = target.name
    duration_s = round(time.monotonic() - started_s, 1)
    run = Run(name, options.select, suite.commit, started, duration_s, results)
    judgement = judge(run, expectations) if expectations is not None else None
    # Said first: it is known, even if the report can't be written.
    exit_code = _conclude(run, judgement)
    write_folder(options.report, report_files(run, judgement, previous, trend))
    progress.say(f"report: {options.report / 'index.html'}")
    return exit_code


def _usually(count: int) -> str:
    """How long so many tests take, where a D1 run takes ten minutes."""
    return f"{max(1, round(count / 74))} min"


def _conclude(run: Run, judgement: Judgement | None) -> int:
    if judgement is not None:
        for name in judgement.regressions:
            print(f"regression: {name}: {run.by_id[name].cause}")
        for name in judgement.unexpected_passes:
            print(f"unexpected pass: {name}: take it off the list (python -m conformance settle)")
    for line in score_lines(run):
        print(line)
    if judgement is None:
        return 0
    print("gate: open" if judgement.passed else "gate: shut")
    return 0 if judgement.passed else ExitCode.FAILED


def _compare(options: argparse.Namespace) -> int:
    first, second = read_run(options.first), read_run(options.second)
    report = comparison_report(first, second)
    write_folder(options.report, {"index.html": html(report)})
    print(report.verdict.sentence)
    print(f"report: {options.report / 'index.html'}")
    return 0 if report.verdict.passed else ExitCode.FAILED


def _settle(options: argparse.Namespace) -> int:
    run = read_run(options.results)
    path: Path = options.expectations
    if path.exists():
        before = read_expectations(path)
        after = settle(run, before)
    else:
        after = before = first_expectations(run)
    path.write_text(to_toml(after), encoding="utf-8")
    print(f"{path}: {before.count_max} known failures before, {after.count_max} now")
    return 0


def _page(options: argparse.Namespace) -> int:
    expectations = read_expectations(options.expectations) if options.expectations else None
    options.output.write_text(page(read_run(options.results), expectations), encoding="utf-8")
    print(f"wrote {options.output}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m conformance", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run the suite against a server")
    run.set_defaults(run=_run)
    run.add_argument(
        "--suite", metavar="PATH|GIT_URL", default="", help="s3-tests; without it nothing is judged"
    )
    run.add_argument("--select", type=Selection, choices=list(Selection), default=Selection.D1)
    run.add_argument("--match", metavar="TEXT", help="only tests with TEXT in their id")
    run.add_argument("--report", metavar="DIR", type=Path, default=_DEFAULT_REPORT)
    run.add_argument(
        "--expectations", metavar="FILE", type=Path, help="known failures; makes the run a gate"
    )
    run.add_argument("--previous", metavar="DIR", type=Path, help="a report to compare with")
    run.add_argument(
        "--trend", metavar="DIR", type=Path, nargs="*", default=[], help="reports, oldest first"
    )
    run.add_argument("--workers", type=positive, default=2 * (os.cpu_count() or 1))
    run.add_argument("--test-timeout-s", type=positive, default=120)
    run.add_argument(
        "--lifecycle-day-s",
        type=positive,
        default=2,
        help="what the server takes for a day in lifecycle rules",
    )
    add_options(run)
    compare = commands.add_parser("compare", help="two runs beside each other")
    compare.set_defaults(run=_compare)
    compare.add_argument("first", type=Path)
    compare.add_argument("second", type=Path)
    compare.add_argument("--report", metavar="DIR", type=Path, default=_DEFAULT_REPORT)
    settle_ = commands.add_parser("settle", help="take what passes off the expectations")
    settle_.set_defaults(run=_settle)
    settle_.add_argument("results", type=Path)
    settle_.add_argument("expectations", type=Path)
    page_ = commands.add_parser("page", help="write docs/s3-compatibility.md")
    page_.set_defaults(run=_page)
    page_.add_argument("results", type=Path)
    page_.add_argument("--expectations", metavar="FILE", type=Path)
    page_.add_argument("--output", type=Path, default=Path("docs/s3-compatibility.md"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
