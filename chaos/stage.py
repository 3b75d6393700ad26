"""A server with a proxy before it, and a disk or a clock of its own where one is needed."""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from chaos.errors import ChaosError
from chaos.scenario import Need
from rucket_platform.errors import TargetError
from rucket_platform.faults.disks import can_mount, small_disk
from rucket_platform.faults.processes import kill_group
from rucket_platform.faults.toxiproxy import proxy_to
from rucket_platform.targets.own_server import own_server
from rucket_platform.targets.reach import check_reach
from rucket_platform.wait import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chaos.scenario import Scenario
    from rucket_platform.faults.disks import SmallDisk
    from rucket_platform.faults.toxiproxy import Proxy
    from rucket_platform.targets.own_server import OwnServer
    from rucket_platform.targets.target import Target

_SMALL_DISK_SIZE_BYTES = 96 * 1024 * 1024
_START_TIMEOUT_S = 60.0
_HTTP_PORT = 80
_FAKE_TIME_LIBRARIES = (
    Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"),
    Path("/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1"),
    Path("/usr/lib64/faketime/libfaketime.so.1"),
)


class _Server(Protocol):
    def start(self) -> Target: ...


class _CommandServer:
    """A server of any make, by the command that runs it."""

    def __init__(self, command: str, target: Target) -> None:
        self._command = shlex.split(command)
        self._target = target
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Target:
        """Run it until it answers."""
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise ChaosError(f"{self._command[0]} can't be run: {error}") from error
        process = self._process
        last: list[TargetError] = []

        def answers() -> bool:
            if process.poll() is not None:
                raise ChaosError(f"{self._command[0]} ended with {process.returncode}")
            try:
                check_reach(self._target)
            except TargetError as error:
                last[:] = [error]
                return False
            return True

        wait_until(answers, timeout_s=_START_TIMEOUT_S, what="the server to answer")
        return self._with_pid(process.pid)

    def stop(self) -> None:
        """End it, with all that descends from it."""
        if self._process is not None and self._process.poll() is None:
            kill_group(self._process.pid)
            self._process.wait()

    def _with_pid(self, pid: int) -> Target:
        target = self._target
        return type(target)(
            target.name, target.endpoints, target.s3_region, target.accounts, pids=(pid,)
        )


@dataclass(slots=True)
class Stage:
    """What a scenario acts on.

    Attributes:
        target: The server itself; clients go through `proxy`.
    """

    target: Target
    proxy: Proxy
    _server: _Server | None
    _disk: SmallDisk | None
    _clock_file: Path | None

    @property
    def pid(self) -> int:
        """Of the process that all others of the server descend from."""
        return self.target.pids[0]

    @property
    def disk(self) -> SmallDisk:
        """The server's disk."""
        assert self._disk is not None, "the scenario doesn't say that it needs one"
        return self._disk

    def start_server(self) -> None:
        """Run it again after it was killed."""
        assert self._server is not None, "the scenario doesn't say that it needs one"
        self.target = self._server.start()

    def set_clock(self, offset_s: int) -> None:
        """Let the server's clock be off by so much."""
        assert self._clock_file is not None, "the scenario doesn't say that it needs one"
        self._clock_file.write_text(f"{offset_s:+}s\n", encoding="ascii")


def unmet_needs(scenario: Scenario, *, has_endpoint: bool, has_command: bool) -> list[Need]:
    """What keeps a scenario from being run here.

    Args:
        scenario: It.
        has_endpoint: Whether somebody else's server is judged.
        has_command: Whether it is known how to start that one.
    """
    met = {
        Need.COMMAND: not has_endpoint or has_command,
        Need.OWN_SERVER: not has_endpoint,
        Need.SMALL_DISK: Need.SMALL_DISK not in scenario.needs or can_mount(),
        Need.FAKE_CLOCK: _fake_time_library() is not None,
        Need.VERSIONS: True,  # the server is asked for it when the scenario begins
    }
    return [need for need in Need if need in scenario.needs and not met[need]]


@contextmanager
def own_stage(scenario: Scenario, toxiproxy: Path) -> Iterator[Stage]:
    """A fresh Rucket for one scenario."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rucket-chaos-")))
        disk = None
        if Need.SMALL_DISK in scenario.needs:
            disk = stack.enter_context(small_disk(_SMALL_DISK_SIZE_BYTES))
        clock_file = folder / "clock" if Need.FAKE_CLOCK in scenario.needs else None
        prefix: Sequence[str] = ()
        if clock_file is not None:
            clock_file.write_text("+0s\n", encoding="ascii")
            prefix = _with_fake_clock(clock_file)
        server: OwnServer = stack.enter_context(
            own_server(
                scenario.settings,
                directory=(disk.directory if disk is not None else folder) / "own",
                command_prefix=tuple(prefix),
            )
        )
        target = server.start()
        proxy = stack.enter_context(_proxy(target, toxiproxy))
        yield Stage(target, proxy, server, disk, clock_file)


@contextmanager
def foreign_stage(target: Target, command: str | None, toxiproxy: Path) -> Iterator[Stage]:
    """Somebody else's server: running already, or run by `command` for as long as this lasts."""
    with ExitStack() as stack:
        server = None
        if command is not None:
            server = _CommandServer(command, target)
            stack.callback(server.stop)
            target = server.start()
        proxy = stack.enter_context(_proxy(target, toxiproxy))
        yield Stage(target, proxy, server, None, None)


@contextmanager
def _proxy(target: Target, toxiproxy: Path) -> Iterator[Proxy]:
    url = urlsplit(target.endpoint)
    if url.scheme != "http":
        raise ChaosError("the network can be broken only before a server without TLS")
    with proxy_to(toxiproxy, url.hostname or "", url.port or _HTTP_PORT) as proxy:
        yield proxy


def _fake_time_library() -> Path | None:
    return next((path for path in _FAKE_TIME_LIBRARIES if path.exists()), None)


def _with_fake_clock(clock_file: Path) -> list[str]:
    library = _fake_time_library()
    assert library is not None, "asked for before"
    return [
        "env",
        f"LD_PRELOAD={library}",
        f"FAKETIME_TIMESTAMP_FILE={clock_file}",
        "FAKETIME_CACHE_DURATION=1",
        # Waiting is by the monotonic clock, which no one sets.
        "FAKETIME_DONT_FAKE_MONOTONIC=1",
        "FAKETIME_DISABLE_SHM=1",
    ]
