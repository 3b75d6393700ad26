"""`python -m tests.planted`: who finds which fault, and how fast, as a table in Markdown."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.planted.faults import FAULTS
from tests.planted.planting import judge


def main() -> int:
    """0 if every fault is found, and nothing where there is none."""
    all_found = True
    print("| fault | judge | found after | finding |\n|---|---|---:|---|")
    for fault in FAULTS:
        with tempfile.TemporaryDirectory(prefix="rucket-planted-") as directory:
            ending = judge(fault, Path(directory))
        with tempfile.TemporaryDirectory(prefix="rucket-planted-") as directory:
            control = judge(fault, Path(directory), is_planted=False)
        finding = ending.finding(fault)
        all_found &= finding is not None and control.exit_code == 0
        said = finding or f"NOT FOUND (exit code {ending.exit_code})"
        if control.exit_code != 0:
            said += "; FAILS WITHOUT THE FAULT AS WELL"
        command = " ".join(fault.judge)
        print(f"| {fault.name} | `{command}` | {ending.duration_s:.0f} s | {said} |", flush=True)
    return 0 if all_found else 1


if __name__ == "__main__":
    sys.exit(main())
