"""Says what is being done and how long it usually takes.

On a terminal one line lives; elsewhere (a log, a pipe) a plain line comes every 15 seconds, so
that nobody takes a long build for a hung one.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

_TERMINAL_PERIOD_S = 0.5
_PLAIN_PERIOD_S = 15.0


class Progress:
    """Reports steps on a console."""

    def __init__(self, console: Console, *, plain_period_s: float = _PLAIN_PERIOD_S) -> None:
        self._console = console
        self._plain_period_s = plain_period_s

    def say(self, line: str) -> None:
        """Print a line."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def step(self, title: str, *, usually: str) -> Iterator[Callable[[str], None]]:
        """Show that `title` is under way until the block ends.

        Yields:
            A function that changes the detail shown behind the title.
        """
        started = time.monotonic()
        detail = [""]

        def show(text: str) -> None:
            detail[0] = text

        def line() -> str:
            behind = f", {detail[0]}" if detail[0] else ""
            return f"{title}: {_clock(time.monotonic() - started)} (usually {usually}){behind}"

        finished = threading.Event()
        live = self._on_terminal if self._console.is_terminal else self._in_plain_lines
        reporter = threading.Thread(target=live, args=(line, finished), daemon=True)
        reporter.start()
        try:
            yield show
        finally:
            finished.set()
            reporter.join()
        self.say(f"{title}: done in {_clock(time.monotonic() - started)}")

    def _on_terminal(self, line: Callable[[], str], finished: threading.Event) -> None:
        with self._console.status(line()) as status:
            while not finished.wait(_TERMINAL_PERIOD_S):
                status.update(line())

    def _in_plain_lines(self, line: Callable[[], str], finished: threading.Event) -> None:
        self.say(line())
        while not finished.wait(self._plain_period_s):
            self.say(line())


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}"
