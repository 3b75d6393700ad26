"""`python -m loadtests`: load a server, hold what came of it against thresholds, compare runs."""

from __future__ import annotations

from gevent import get_hub, monkey

# Before anything is imported that keeps a socket or a lock: Locust works with greenlets.
monkey.patch_all()
# Ctrl-C is passed on to the run, without a traceback of the greenlet that it met.
get_hub().NOT_ERROR += (KeyboardInterrupt,)

import argparse
import os
import platform
import secrets
import sys
import time
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from loadtests.client import S3Client, S3Error
from loadtests.errors import LoadTestError
from loadtests.outcome import Outcome, read_outcome
from loadtests.plan import PROFILE_NAMES
from loadtests.presentation import comparison, report_files, summary
from loadtests.samples import Sampler
from loadtests.shapes import Knee, ShapeName, make_shape
from loadtests.swarm import Swarm, run_swarm
from loadtests.thresholds import TOTAL, check_thresholds, read_thresholds
from rucket_platform.command_line import ExitCode, positive, run_command
from rucket_platform.reports.folder import check_folder, write_folder
from rucket_platform.reports.page import html
from rucket_platform.targets.choice import add_options, chosen_target
from rucket_platform.targets.leftovers import remove_bucket
from rucket_platform.tools.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from loadtests.shapes import Shape
    from rucket_platform.targets.target import Target

_DEFAULT_REPORT = Path("dist/load")
_VERSIONED = "versioned"


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if all thresholds were kept, 1 if one wasn't, 2 if it could not be judged."""
    return run_command(_parser(), arguments)


def _run(options: argparse.Namespace) -> int:
    progress = Progress(Console(stderr=True))
    check_folder(options.report)
    thresholds = read_thresholds(options.thresholds) if options.thresholds else {}
    shape = make_shape(options.shape, options.concurrency, options.duration_s)
    started = datetime.now(UTC).isoformat(timespec="seconds")
    quiet = {"logging": {"log_requests": False}}
    with chosen_target(options, progress, settings=quiet) as target:
        swarm, sampler = _loaded(options, target, shape, progress)
        name = target.name
    outcome = Outcome(
        target=name,
        profile=options.profile,
        shape=options.shape.value,
        started=started,
        duration_s=swarm.duration_s,
        warm_up_s=shape.warm_up_s,
        worker_count=options.workers,
        machine=f"{platform.platform()}, {os.cpu_count()} cores",
        recording=swarm.recording,
        samples=tuple(sampler.samples),
        users=tuple(swarm.users),
        steps=tuple(shape.steps) if isinstance(shape, Knee) else (),
        knee=shape.knee if isinstance(shape, Knee) else None,
    )
    checks = check_thresholds(thresholds, outcome.operations(), outcome.measured_s)
    outcome = replace(outcome, checks=tuple(checks))
    # Said first: it is known, even if the report can't be written.
    exit_code = _conclude(outcome)
    write_folder(options.report, report_files(outcome))
    progress.say(f"report: {options.report / 'index.html'}")
    return exit_code


def _conclude(outcome: Outcome) -> int:
    for check in outcome.checks:
        if not check.kept:
            measured = "nothing" if check.measured is None else f"{check.measured:.4g}"
            what = "all operations" if check.operation == TOTAL else check.operation
            print(f"missed: {what}: {check.what} {check.limit:g}, measured {measured}")
    for wrong in outcome.recording.wrong_bytes[:5]:
        print(f"wrong bytes: {wrong}")
    print(summary(outcome))
    return 0 if outcome.passed else ExitCode.FAILED


def _loaded(
    options: argparse.Namespace, target: Target, shape: Shape, progress: Progress
) -> tuple[Swarm, Sampler]:
    with _bucket(target, progress, keeps_versions=options.profile == _VERSIONED) as bucket:
        sampler = Sampler(target.pids, target.metrics, time.monotonic())
        title = f"{options.profile}, {options.shape.value}, on {target.name}"
        usually = f"{options.duration_s:.0f} s" if options.shape != ShapeName.KNEE else "minutes"
        with progress.step(title, usually=usually) as show:
            sampler.start()
            try:
                swarm = run_swarm(
                    target,
                    bucket=bucket,
                    profile=options.profile,
                    shape=shape,
                    worker_count=options.workers,
                    show=show,
                )
            finally:
                sampler.stop()
    return swarm, sampler


@contextmanager
def _bucket(target: Target, progress: Progress, *, keeps_versions: bool) -> Iterator[str]:
    """A bucket for the run, removed after it with all that is in it."""
    name = f"load-{secrets.token_hex(6)}"
    with closing(S3Client(target.connection(), name)) as client:
        try:
            client.create_bucket()
        except S3Error as error:
            raise LoadTestError(
                f"no bucket can be made at {target.endpoint}: it answered {error.code}"
            ) from error
        try:
            if keeps_versions:
                _keep_versions(target, client)
            yield name
        finally:
            remove_bucket(target.connection(), name, progress)


def _keep_versions(target: Target, client: S3Client) -> None:
    try:
        client.keep_versions()
        version_id = client.put("kept", b"")
    except S3Error as error:
        raise LoadTestError(
            f"{target.endpoint} does not keep versions: it answered {error.code}; "
            "every other profile can be run against it"
        ) from error
    if not version_id:
        raise LoadTestError(
            f"{target.endpoint} says that it keeps versions, but gives a write no version id; "
            "every other profile can be run against it"
        )


def _compare(options: argparse.Namespace) -> int:
    report = comparison(read_outcome(options.first), read_outcome(options.second))
    write_folder(options.report, {"index.html": html(report)})
    print(report.verdict.sentence)
    print(f"report: {options.report / 'index.html'}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m loadtests", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="load a server")
    run.set_defaults(run=_run)
    run.add_argument("profile", choices=PROFILE_NAMES, help="what its users do")
    run.add_argument("--shape", type=ShapeName, choices=list(ShapeName), default=ShapeName.STEADY)
    run.add_argument(
        "--concurrency", metavar="N", type=positive, default=16, help="users at the most"
    )
    run.add_argument(
        "--duration-s", type=positive, default=30, help="of the run; of a knee, of each step"
    )
    run.add_argument("--workers", type=positive, default=1, help="processes that the users run in")
    run.add_argument("--thresholds", metavar="FILE", type=Path, help="decide the exit code")
    run.add_argument("--report", metavar="DIR", type=Path, default=_DEFAULT_REPORT)
    add_options(run)
    compare = commands.add_parser("compare", help="two runs beside each other")
    compare.set_defaults(run=_compare)
    compare.add_argument("first", type=Path)
    compare.add_argument("second", type=Path)
    compare.add_argument("--report", metavar="DIR", type=Path, default=_DEFAULT_REPORT)
    return parser


if __name__ == "__main__":
    sys.exit(main())
