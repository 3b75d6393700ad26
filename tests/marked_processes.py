"""The processes of one run of a command, among those of other runs on the machine: they carry a
variable that whoever they start inherits.
"""

from __future__ import annotations

from pathlib import Path

_VARIABLE = "RUCKET_TEST_RUN"


def mark(directory: Path) -> dict[str, str]:
    """What the environment of a run has besides; `directory` is the run's own."""
    return {_VARIABLE: str(directory)}


def marked(directory: Path) -> dict[int, str]:
    """Process id and command line of all that still run, but those that have ended already."""
    wanted = f"\0{_VARIABLE}={directory}\0".encode()
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in b"\0" + (folder / "environ").read_bytes():
                command_line = (folder / "cmdline").read_text().replace("\0", " ")
                found[int(folder.name)] = command_line
        except OSError:
            continue
    return found
