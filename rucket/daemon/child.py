"""The common start and end of the processes that a supervisor starts.

A role is a module ``rucket.daemon.<role>`` that ends in ::

    if __name__ == "__main__":
        run_child("<role>", main)

Its standard output belongs to the supervisor, so that whatever prints there by mistake is sent to
standard error, where the log goes.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeAlias

import uvloop

from rucket.daemon.handshake import (
    READY,
    REFUSED,
    STOP_SIGNAL,
    ChildOrder,
    ExitCode,
    decode_order,
    exit_code_of,
)
from rucket.daemon.process_control import name_process
from rucket.daemon.settings import Settings
from rucket.model.errors import OperatingError
from rucket.observe.log import configure_logging, get_logger
from rucket.observe.metric_files import join_metric_files

_log = get_logger(__name__)


LAST_ROLE = "node"
"""The others need it until they have ended, so that it ends when the supervisor says so."""


_COLLECTOR_THRESHOLDS = (10_000, 20, 20)


class StopSignal:
    """Set when the process shall end, once."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def set(self) -> None:
        """Asks the process to end."""
        self._event.set()

    def is_set(self) -> bool:
        """Whether the process shall end."""
        return self._event.is_set()

    async def wait(self) -> None:
        """Returns when the process shall end."""
        await self._event.wait()


NotifyReady: TypeAlias = Callable[[], None]
ChildMain: TypeAlias = Callable[[Settings, StopSignal, NotifyReady], Awaitable[None]]


def run_child(role: str, main: ChildMain) -> NoReturn:
    """Runs `main` as a child of the supervisor, and ends the process.

    `main(settings, stop, notify_ready)` runs on uvloop. It calls `notify_ready()` when it does its
    work, and returns soon after `stop` is set. An OperatingError that it raises is logged as one
    line; CorruptionError, UnknownFormatError, DataDirectoryError and ConfigurationError end the
    whole server, after anything else the process is started again.

    Args:
        role: the last part of the module's name.
        main: the work.
    """
    to_supervisor = _take_standard_output()
    received = decode_order(_take_standard_input())
    if received is None or received[0].supervisor_pid != os.getppid():
        sys.exit(ExitCode.OPERATING_ERROR)  # the supervisor is gone, and with it the server
    order, settings = received
    assert order.role == role, f"{order.role} was ordered, {role} was started"
    name_process(order.name)
    configure_logging(
        settings.logging.level, pretty=settings.logging.format == "pretty", process=order.name
    )
    join_metric_files(order.metrics_directory, order.name, role)
    _spare_the_collector()
    sys.exit(_run(order, settings, main, to_supervisor))


def _run(order: ChildOrder, settings: Settings, main: ChildMain, to_supervisor: int) -> ExitCode:
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_with_stop_signal(order.role, settings, main, to_supervisor))
    except OperatingError as error:
        code = exit_code_of(error)
        _log.critical(str(error), kind=type(error).__name__)
        if code is not ExitCode.OPERATING_ERROR:
            _tell(to_supervisor, REFUSED + b" ".join(str(error).encode().split()))
        return code
    except Exception:  # noqa: BLE001 -- the outermost place of the process
        _log.critical("the process ends by a defect", exc_info=True)
        return ExitCode.OPERATING_ERROR
    _log.debug("ended", pid=os.getpid(), role=order.role)
    return ExitCode.DRAINED


async def _with_stop_signal(
    role: str, settings: Settings, main: ChildMain, to_supervisor: int
) -> None:
    stop = StopSignal()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(STOP_SIGNAL, stop.set)
    loop.add_signal_handler(signal.SIGTERM, _ignore if role == LAST_ROLE else stop.set)
    await main(settings, stop, lambda: _tell(to_supervisor, READY))


def _ignore() -> None:
    _log.debug("ignored a signal: this process ends last")


def _take_standard_input() -> bytes:
    """All of it; nothing that holds secrets stays open."""
    text = sys.stdin.buffer.read()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return text


def _spare_the_collector() -> None:
    """Lets the cyclic collector alone with what was imported, and has it run less often.

    It cost a gateway an eighth of its time: nearly all objects of a request go by reference count.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTOR_THRESHOLDS)


def _take_standard_output() -> int:
    """A descriptor for the supervisor's pipe; everybody else's writes go to standard error."""
    descriptor = os.dup(1)
    os.dup2(2, 1)
    return descriptor


def _tell(to_supervisor: int, line: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):  # it is gone; the signal for that is on its way
        os.write(to_supervisor, line + b"\n")
