"""What Linux does for processes: end with the parent, have a name, open many files.

Source: prctl(2), setrlimit(2).
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NAME: Final = 15
_NAME_LENGTH_MAX: Final = 15

# Loaded here, before any fork: between fork and exec a child must not import or open anything.
_LIBC = ctypes.CDLL(None, use_errno=True)


def end_with_parent(parent_pid: int) -> None:
    """Makes the kernel kill this process when its parent ends; for the moment before an exec.

    The setting survives the exec. Also ignores what a terminal, or whoever ends a whole group,
    sends to all processes at once: the parent alone decides in what order its children end.
    """
    failed = _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0
    if failed or os.getppid() != parent_pid:  # it ended before we asked
        os._exit(1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def name_process(name: str) -> None:
    """The name that ps and top show."""
    text = f"rucket-{name}"[:_NAME_LENGTH_MAX]
    _LIBC.prctl(_PR_SET_NAME, text.encode(), 0, 0, 0)


def raise_open_files_limit() -> int:
    """Raises the limit on open files as far as allowed, and returns it. Children inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
