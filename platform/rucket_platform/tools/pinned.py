"""Which tools, in which versions, and where they are kept."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

PULUMI_VERSION = "3.259.0"
# The newest language host in a module that the Go proxy serves; official releases carry their own.
LANGUAGE_HOST_VERSION = "3.75.0"

EXECUTABLES = ("pulumi", "pulumi-language-python", "pulumi-language-python-exec")

_MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True, slots=True)
class ToolSet:
    """Tools that are ready to use.

    Attributes:
        directory: Holds every one of `EXECUTABLES`; belongs on PATH.
        source: Where they came from, for people.
    """

    directory: Path
    source: str

    @property
    def pulumi(self) -> Path:
        """The engine's command."""
        return self.directory / "pulumi"


def cache_directory() -> Path:
    """Return where tools are kept for all checkouts of this user."""
    named = os.environ.get("RUCKET_TOOLS_DIR")
    if named:
        return Path(named).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base).absolute() / "rucket" / "tools"


def release_platform() -> str:
    """Name this machine as the official releases do, such as `linux-x64`."""
    machine = platform.machine().lower()
    return f"{platform.system().lower()}-{_MACHINES.get(machine, machine)}"


def set_name() -> str:
    """Name the directory of this set: another version never meets an old file."""
    return f"pulumi-{PULUMI_VERSION}-{release_platform()}"


def is_complete(directory: Path) -> bool:
    """Tell whether `directory` holds every tool, executable."""
    return all(os.access(directory / name, os.X_OK) for name in EXECUTABLES)
