"""How the command of a kit ends: its exit code, its last words, and what an interrupt does."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import traceback
from contextlib import contextmanager
from enum import IntEnum
from typing import TYPE_CHECKING, NoReturn

from rucket_platform.errors import PlatformError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class ExitCode(IntEnum):
    """What a pipeline learns.

    Attributes:
        PASSED: What was judged is as it should be.
        FAILED: It was judged, and isn't.
        UNJUDGED: It could not be judged: a wrong word, no server, a kit that failed itself.
        INTERRUPTED: Somebody ended it, as shells tell of Ctrl-C.
    """

    PASSED = 0
    FAILED = 1
    UNJUDGED = 2
    INTERRUPTED = 130


def run_command(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> ExitCode:
    """Carry out the command that `arguments` name: the function that the parser set as `run`.

    The first interrupt (Ctrl-C, or the end of the terminal or of the pipeline) lets everything
    that is open be put right; further ones change nothing about that.
    """
    options = parser.parse_args(arguments)
    before = {number: signal.signal(number, _interrupt) for number in _SIGNALS}
    try:
        return ExitCode(options.run(options))
    except PlatformError as error:
        _tell(f"error: {error}")
        return ExitCode.UNJUDGED
    except KeyboardInterrupt:
        _tell("interrupted: everything is put right, no report was written")
        return ExitCode.INTERRUPTED
    except OSError as error:
        _tell(f"error: this machine refused: {error}")
        return ExitCode.UNJUDGED
    except Exception:  # noqa: BLE001 -- Python's own exit code 1 would read as "judged, and failed"
        traceback.print_exc()
        _tell("error: the kit itself has failed, see above; nothing was judged")
        return ExitCode.UNJUDGED
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def interrupts_deferred() -> Iterator[None]:
    """Let the block come to its end; an interrupt meanwhile comes right after it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    noted: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        noted.append(number)

    before = {number: signal.signal(number, note) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if noted:
            signal.raise_signal(noted[0])


def positive(text: str) -> int:
    """An option's value that is at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _interrupt(*_: object) -> NoReturn:
    for number in _SIGNALS:
        signal.signal(number, _already_interrupted)
    _tell("interrupted: putting everything right …")
    raise KeyboardInterrupt


def _already_interrupted(*_: object) -> None:
    _tell("still putting everything right …")


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 -- a command's output
