"""`python -m chaos`: run scenarios against a server, and judge it."""

from __future__ import annotations

import argparse
import random
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from chaos.errors import ChaosError
from chaos.execution import Judged, play
from chaos.presentation import report_files, summary
from chaos.scenarios import SCENARIOS
from chaos.stage import foreign_stage, own_stage, unmet_needs
from rucket_platform.command_line import ExitCode, run_command
from rucket_platform.reports.folder import check_folder, write_folder
from rucket_platform.targets.choice import add_options, endpoint_target
from rucket_platform.targets.reach import check_reach
from rucket_platform.targets.stack import region_target
from rucket_platform.tools.progress import Progress
from rucket_platform.tools.toxiproxy import ensure_toxiproxy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaos.scenario import Scenario
    from rucket_platform.targets.target import Target

_ALL = "all"


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if every scenario holds, 1 if one doesn't, 2 if it could not be judged."""
    return run_command(_parser(), arguments)


def _list(_: argparse.Namespace) -> int:
    width = max(len(scenario.name) for scenario in SCENARIOS)
    for scenario in SCENARIOS:
        print(f"{scenario.name:{width}}  {scenario.about}")
        for need in sorted(scenario.needs):
            print(f"{'':{width}}  needs {need}")
    return 0


def _run(options: argparse.Namespace) -> int:
    progress = Progress(Console(stderr=True))
    chosen = _chosen(options.scenarios)
    check_folder(options.report)
    target = _foreign_target(options, progress)
    toxiproxy = ensure_toxiproxy(progress)
    seed = options.seed if options.seed is not None else random.SystemRandom().getrandbits(32)
    started = datetime.now(UTC).isoformat(timespec="seconds")
    started_s = time.monotonic()
    judged = []
    for scenario in chosen:
        one = _judged(scenario, target, options.command, toxiproxy, seed, progress)
        judged.append(one)
        _say(one)
    name = target.name if target is not None else "Rucket"
    files = report_files(name, started, time.monotonic() - started_s, judged)
    # Said first: it is known, even if the report can't be written.
    print(f"{summary(judged)} (seed {seed})", flush=True)
    write_folder(options.report, files)
    progress.say(f"report: {options.report / 'index.html'}")
    if all(one.skipped for one in judged):
        raise ChaosError("none of the scenarios can be run here")
    return 0 if all(one.passed for one in judged if not one.skipped) else ExitCode.FAILED


def _chosen(names: Sequence[str]) -> list[Scenario]:
    known = {scenario.name: scenario for scenario in SCENARIOS}
    if _ALL in names:
        return list(SCENARIOS)
    if unknown := [name for name in names if name not in known]:
        raise ChaosError(f"there is no scenario {unknown[0]}; there are {', '.join(known)}")
    return [known[name] for name in names]


def _foreign_target(options: argparse.Namespace, progress: Progress) -> Target | None:
    if options.stack is not None:
        target = region_target(options.stack, options.region, progress)
    elif options.endpoint is not None:
        target = endpoint_target(options.endpoint, options.s3_region, options.users)
    elif options.command is not None:
        raise ChaosError("--command runs the server that --endpoint names: give both")
    else:
        return None
    if options.command is None:
        check_reach(target)
    return target


def _judged(
    scenario: Scenario,
    target: Target | None,
    command: str | None,
    toxiproxy: Path,
    seed: int,
    progress: Progress,
) -> Judged:
    unmet = unmet_needs(scenario, has_endpoint=target is not None, has_command=command is not None)
    if unmet:
        return Judged(scenario, seed, skipped=f"needs {'; '.join(unmet)}")
    usually = f"{scenario.duration_s + 8:.0f} s"
    with ExitStack() as stack:
        stack.enter_context(progress.step(scenario.name, usually=usually))
        if target is None:
            stage = stack.enter_context(own_stage(scenario, toxiproxy))
        else:
            stage = stack.enter_context(foreign_stage(target, command, toxiproxy))
        return play(scenario, stage, seed, progress)


def _say(one: Judged) -> None:
    if one.skipped:
        print(f"SKIPPED {one.scenario.name}: {one.skipped}")
        return
    print(f"{'holds ' if one.passed else 'BROKEN'} {one.scenario.name}", flush=True)
    for verdict in one.verdicts:
        if not verdict.kept:
            for problem in verdict.problems:
                print(f"    {verdict.promise}: {problem}", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    listing = commands.add_parser("list", help="the scenarios, and what they show")
    listing.set_defaults(run=_list)
    run = commands.add_parser("run", help="run scenarios")
    run.set_defaults(run=_run)
    run.add_argument("scenarios", nargs="+", metavar="SCENARIO", help="names, or all")
    run.add_argument("--report", metavar="DIR", type=Path, default=Path("dist/chaos"))
    run.add_argument("--seed", type=int, help="repeats what clients choose")
    add_options(run)
    run.add_argument(
        "--command",
        metavar="COMMAND",
        help="runs the endpoint's server, so that it can be killed and started again",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
