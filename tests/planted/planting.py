"""Runs a judge against a copy of the product in which a fault is planted."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.planted.faults import PlantedFault

_ROOT = Path(__file__).parents[2]
_TIMEOUT_S = 240
_JUDGED_AND_FAILED = 1
"""Every judge's exit code, pytest's as well, for a fault that was found; a copy that does not
start, or a judge that fails itself, ends with another."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a judge ended."""

    exit_code: int
    output: str
    duration_s: float

    def finding(self, fault: PlantedFault) -> str | None:
        """The first line that tells of the fault; None if the fault was not found."""
        if self.exit_code != _JUDGED_AND_FAILED:
            return None
        lines = (line.strip() for line in self.output.splitlines())
        return next((line for line in lines if fault.finding in line), None)


def judge(fault: PlantedFault, directory: Path, *, is_planted: bool = True) -> Ending:
    """Run a fault's judge.

    Args:
        fault: What is planted.
        directory: Empty; the copy and the report go there.
        is_planted: Otherwise the copy stays as it is.
    """
    copy = directory / "rucket"
    shutil.copytree(_ROOT / "rucket", copy, ignore=shutil.ignore_patterns("__pycache__"))
    if is_planted:
        with (copy / fault.module).open("a", encoding="utf-8") as module:
            module.write(fault.code)
    arguments = list(fault.judge)
    if arguments[0] != "pytest":
        arguments += ["--report", str(directory / "report")]
    paths = [directory, _ROOT, _ROOT / "platform"]
    started_s = time.perf_counter()
    ended = subprocess.run(
        # -P: the copy comes before the folder that we are in.
        [sys.executable, "-P", "-m", *arguments],
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    return Ending(ended.returncode, ended.stdout + ended.stderr, time.perf_counter() - started_s)
