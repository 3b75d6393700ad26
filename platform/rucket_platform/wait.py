"""Waiting for a condition, with a limit and a reason."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rucket_platform.errors import WaitTimeout

if TYPE_CHECKING:
    from collections.abc import Callable

_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 0.25


def wait_until(condition: Callable[[], bool], *, timeout_s: float, what: str) -> None:
    """Return as soon as `condition` holds.

    Args:
        condition: Asked again and again, at growing intervals.
        timeout_s: When to give up.
        what: Completes "waited N s for …".

    Raises:
        WaitTimeout: It did not hold in time.
    """
    deadline = time.monotonic() + timeout_s
    pause_s = _FIRST_PAUSE_S
    while not condition():
        if time.monotonic() >= deadline:
            raise WaitTimeout(f"waited {timeout_s:g} s for {what}")
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)
