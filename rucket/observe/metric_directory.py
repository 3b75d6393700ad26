"""The directory where the processes of a server leave their metrics; who knows no metric.

Each process maps files of its own, named after its place (``gateway-0``) and not after its pid: the
process that takes over a place goes on counting where the last one was killed, so that counters
never fall and files don't pile up. Only what is true as long as a process lives goes with it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

DIRECTORY: Final = Path("run", "metrics")
"""Below the data directory."""


def empty_metric_directory(directory: Path) -> None:
    """Makes the directory, and drops what an earlier run of the server left there."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in directory.glob("*.db"):
        path.unlink()


def forget_process(directory: Path, name: str) -> None:
    """Drops what is only true as long as the process at the place `name` lives."""
    for path in directory.glob(f"gauge_live*_{name}.db"):
        path.unlink(missing_ok=True)
