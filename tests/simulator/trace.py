"""The trace of a run: every step, in order, as a digest, and as lines while somebody listens."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable

LINES_KEPT = 200

Listener = Callable[[str], None]


class Trace:
    """What happened. Two runs with the same digest took the same steps.

    Args:
        listener: is given every line, for replays that are to be read.
    """

    def __init__(self, listener: Listener | None = None) -> None:
        self._digest = hashlib.blake2b(digest_size=16)
        self._listener = listener
        self._newest: deque[str] = deque(maxlen=LINES_KEPT)
        self.step_count = 0

    def add(self, now_s: float, actor: str, what: str) -> None:
        """Notes one step."""
        line = f"{now_s:.6f} {actor} {what}"
        self._digest.update(line.encode("utf-8", "backslashreplace"))
        self._newest.append(line)
        self.step_count += 1
        if self._listener is not None:
            self._listener(line)

    def hexdigest(self) -> str:
        """Stands for all steps so far."""
        return self._digest.hexdigest()

    def newest(self) -> list[str]:
        """The last lines, oldest first."""
        return list(self._newest)
