"""The parent of all processes of a server: starts them, starts them again, ends them in order.

::

    node ──ready──> gateways, maintenance ──all ready──> announced
                         │ a process ends
                         ├─ exit code 2 or 3 ──────────> all end, the reason is raised
                         ├─ five times in a row before
                         │  the announcement ──────────> all end, likewise
                         └─ else: again at once; soon after its start: again after a pause
    SIGTERM, SIGINT ──> gateways drain ──> maintenance ends ──> node ends   (`Shutdown`)
                         a second signal: SIGKILL for all, at once

One thread, one selector, no locks. It does nothing but this, so that nothing makes it fail. If it
is killed all the same, the kernel kills its children (`process_control.end_with_parent`).
"""

from __future__ import annotations

import selectors
import signal
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from rucket.daemon.handshake import FINAL_EXIT_CODES, ExitCode
from rucket.daemon.place import Place, describe_exit, ended_well
from rucket.daemon.shutdown import Shutdown
from rucket.model.errors import ConfigurationError, OperatingError
from rucket.observe.log import get_logger
from rucket.observe.metric_directory import DIRECTORY, empty_metric_directory, forget_process

if TYPE_CHECKING:
    from collections.abc import Callable

    from rucket.daemon.settings import Settings
    from rucket.ports.clock import Clock

ROLE_MODULES: Final = "rucket.daemon"

START_ATTEMPTS_MAX: Final = 5
"""As many times in a row a process may end before the server was ready for the first time."""

_log = get_logger(__name__)


class Supervisor:
    """Runs a server.

    Args:
        settings: the server's.
        clock: for pauses and time-outs.
        lock_descriptor: what holds the lock on the data directory.
        announce: called once, when all processes are ready for the first time.
        role_modules: the package that has a module for every role.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        lock_descriptor: int,
        announce: Callable[[], None],
        role_modules: str = ROLE_MODULES,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._announce = announce
        self._announced = False
        self._metrics_directory = (
            settings.storage.data_dir / DIRECTORY if settings.metrics.enabled else None
        )
        workers = [("gateway", f"gateway-{number}") for number in range(settings.server.workers)]
        self._places = [
            Place(role, name, f"{role_modules}.{role}", settings, lock_descriptor)
            for role, name in (("node", "node"), *workers, ("maintenance", "maintenance"))
        ]
        self._node = self._places[0]
        self._selector = selectors.DefaultSelector()
        self._shutdown: Shutdown | None = None
        self._failure: OperatingError | None = None
        self._ended_badly = False

    def run(self) -> ExitCode:
        """Runs the server until it is told to end, or can't go on.

        Returns:
            DRAINED, or OPERATING_ERROR when something had to be killed.

        Raises:
            OperatingError: why the server can't go on.
        """
        if self._metrics_directory is not None:
            empty_metric_directory(self._metrics_directory)
        with ExitStack() as stack:
            stack.callback(self._selector.close)
            stack.callback(self._kill_all)
            signals = _receive_signals(stack)
            self._selector.register(signals, selectors.EVENT_READ, None)
            while not self._is_over():
                for key, _ in self._selector.select(self._wait_s()):
                    if key.data is None:
                        self._receive(signals.recv(4096))
                    else:
                        self._hear(key.data)
                self._bury_the_dead()
        if self._failure is not None:
            raise self._failure
        return ExitCode.OPERATING_ERROR if self._ended_badly else ExitCode.DRAINED

    def _is_over(self) -> bool:
        """Does what is due now; whether nothing is left to do."""
        if self._shutdown is not None:
            return self._shutdown.advance()
        for place in self._waiting_places():
            if place.start_at <= self._clock.monotonic_s():
                self._start(place)
        return False

    def _wait_s(self) -> float | None:
        """How long to sleep at most; None for as long as nothing happens."""
        if self._shutdown is not None:
            deadlines = [self._shutdown.next_deadline]
        else:
            deadlines = [place.start_at for place in self._waiting_places()]
        return max(0.0, min(deadlines) - self._clock.monotonic_s()) if deadlines else None

    def _waiting_places(self) -> list[Place]:
        """Where a process has to be started, now or after a pause. The first node comes alone."""
        may_start = self._places if self._announced or self._node.is_ready else [self._node]
        return [place for place in may_start if place.process is None]

    def _start(self, place: Place) -> None:
        directory = "" if self._metrics_directory is None else str(self._metrics_directory)
        try:
            process = place.start(self._clock.monotonic_s(), directory)
        except OSError as error:
            _log.error("can't start a process", place=place.name, reason=str(error))
            self._ended(place, ExitCode.OPERATING_ERROR)
            return
        self._selector.register(process.output_descriptor, selectors.EVENT_READ, place)
        _log.debug("started a process", place=place.name, pid=process.pid)

    def _receive(self, signal_numbers: bytes) -> None:
        for number in signal_numbers:
            match number:
                case signal.SIGTERM | signal.SIGINT if self._shutdown is None:
                    _log.info("shutting down", signal=signal.Signals(number).name)
                    self._begin_shutdown()
                case signal.SIGTERM | signal.SIGINT:
                    assert self._shutdown is not None, "the case before began it"
                    self._shutdown.kill()
                case signal.SIGHUP:
                    _log.info("ignored SIGHUP: settings are read when the server starts")
                case _:
                    pass  # SIGCHLD only wakes us up: one may stand for several children

    def _hear(self, place: Place) -> None:
        process = place.process
        if process is None:
            return
        became_ready = place.hear()
        if process.has_said_all:
            self._selector.unregister(process.output_descriptor)
        if not became_ready or self._shutdown is not None:
            return
        if self._announced:
            _log.info("a process is ready", place=place.name, pid=process.pid)
        elif all(each.is_ready for each in self._places):
            self._announced = True
            self._announce()

    def _bury_the_dead(self) -> None:
        for place in self._places:
            process = place.process
            if process is None or (code := process.exit_code()) is None:
                continue
            if not process.has_said_all:
                self._hear(place)
            if not process.has_said_all:
                self._selector.unregister(process.output_descriptor)
            if self._metrics_directory is not None:
                forget_process(self._metrics_directory, place.name)
            self._ended(place, code, process.pid)

    def _ended(self, place: Place, code: int, pid: int = 0) -> None:
        """Decides what comes of the end of a process."""
        place.leave(self._clock.monotonic_s())
        if self._shutdown is not None:
            if not ended_well(code):
                self._ended_badly = True
                _log.warning("a process ended badly", place=place.name, how=describe_exit(code))
            return
        _log.error("a process ended", place=place.name, pid=pid, how=describe_exit(code))
        if code in FINAL_EXIT_CODES:
            self._fail(place, code, place.refusal or "the log says why")
        elif not self._announced and place.early_ends >= START_ATTEMPTS_MAX:
            how = f"it ended {place.early_ends} times, at last by {describe_exit(code)}"
            self._fail(place, code, f"{how}; the log says why")

    def _fail(self, place: Place, code: int, reason: str) -> None:
        configuration = code == ExitCode.CONFIGURATION_ERROR
        error_class = ConfigurationError if configuration else OperatingError
        self._failure = error_class(f"the {place.name} process can't run: {reason}")
        self._begin_shutdown()

    def _begin_shutdown(self) -> None:
        timeout_s = self._settings.server.shutdown_timeout_s
        if self._shutdown is None:
            self._shutdown = Shutdown(self._places, self._clock, timeout_s)

    def _kill_all(self) -> None:
        """When `run` is left, however that comes, nothing is left behind."""
        for place in self._places:
            place.signal(signal.SIGKILL)


def _receive_signals(stack: ExitStack) -> socket.socket:
    """Makes signals readable: handlers do nothing, the numbers arrive in the socket."""
    receiver, sender = socket.socketpair()
    for end in (receiver, sender):
        stack.enter_context(end)
        end.settimeout(0)
    previous = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    stack.callback(signal.set_wakeup_fd, previous)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        stack.callback(signal.signal, number, signal.signal(number, lambda *_: None))
    return receiver
