"""Runs seeds of the simulation: ``python -m tests.simulation 0..1000``, or one again, with its
trace: ``python -m tests.simulation --replay 17``."""

from __future__ import annotations

import argparse
import sys

from tests.simulation.run import RunReport, SimulationFailedError, run_seed
from tests.simulation.seeds import parse_seeds


def main() -> int:
    """Runs what the command line says; 1 if a seed fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("seeds", nargs="?", type=parse_seeds, default=range(100), help="a..b")
    parser.add_argument("--replay", type=int, metavar="SEED", help="run one, and print every step")
    parser.add_argument("--keep-going", action="store_true", help="don't stop at a failure")
    options = parser.parse_args()
    if options.replay is not None:
        return _run(options.replay, print_steps=True)
    failed_count = 0
    for seed in options.seeds:
        failed_count += _run(seed, print_steps=False)
        if failed_count and not options.keep_going:
            break
    _say(f"{failed_count} failed")
    return 1 if failed_count else 0


def _run(seed: int, *, print_steps: bool) -> int:
    try:
        report = run_seed(seed, listener=_say if print_steps else None)
    except SimulationFailedError as error:
        _say(str(error))
        return 1
    _say(_line(report))
    return 0


def _line(report: RunReport) -> str:
    counts = ", ".join(f"{what} {count}" for what, count in sorted(report.counts.items()))
    return (
        f"seed {report.seed}: {report.trace_digest}, {report.step_count} steps in "
        f"{report.virtual_s:.1f} virtual seconds ({counts})"
    )


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
