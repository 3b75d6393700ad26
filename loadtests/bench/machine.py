"""The machine and the programs that figures were taken with, for the report."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import psutil

from loadtests.bench.processes import rucket_program

GIB = 1024**3
UNKNOWN = "unknown"


def describe_machine(data_dir: Path) -> dict[str, str]:
    """What a reader must know to judge the figures; `data_dir` lies where the stores write."""
    return {
        "cpu": _cpu_model(),
        "cores": str(os.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / GIB:.0f} GiB",
        "kernel": platform.release(),
        "filesystem": _filesystem(data_dir),
        "python": platform.python_version(),
        "boto3": version("boto3"),
        "rucket": _output(str(rucket_program()), "version"),
        "load before": f"{os.getloadavg()[0]:.1f}",
    }


def commit() -> str:
    """The commit of the working tree, with a mark when it has changes."""
    return _output("git", "describe", "--always", "--dirty", "--exclude=*")


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return UNKNOWN


def _filesystem(directory: Path) -> str:
    mounts = [
        mount
        for mount in psutil.disk_partitions(all=True)
        if directory.resolve().is_relative_to(mount.mountpoint)
    ]
    nearest = max(mounts, key=lambda mount: len(mount.mountpoint), default=None)
    return f"{nearest.fstype} on {nearest.device}" if nearest else UNKNOWN


def _output(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return UNKNOWN
    return done.stdout.strip()
