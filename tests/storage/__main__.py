"""Cuts the power everywhere, twice: ``python -m tests.storage [WORKLOAD …]``. Takes minutes."""

from __future__ import annotations

import argparse
import sys

from tests.storage.node import Wiring
from tests.storage.power_cuts import LostError, Search, exhaustive_plan
from tests.storage.workloads import WORKLOADS


def main() -> int:
    """Tries the workloads that the command line names; 1 if one shows a loss."""
    parser = argparse.ArgumentParser(prog="python -m tests.storage", description=__doc__)
    parser.add_argument("workloads", nargs="*", choices=[[], *WORKLOADS], metavar="WORKLOAD")
    options = parser.parse_args()
    lost_count = 0
    for name in options.workloads or WORKLOADS:
        workload = WORKLOADS[name]
        search = Search(Wiring(), workload.layout, exhaustive_plan(workload))
        try:
            search.go_through(workload.record())
        except LostError as error:
            lost_count += 1
            _say(str(error))
        _say(f"{name}: {search.cut_count} cuts, {search.state_count} states")
    return 1 if lost_count else 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
