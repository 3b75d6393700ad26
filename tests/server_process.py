"""A real `rucket serve` in processes of its own, for tests that speak to it from outside.

Knows the command line, the configuration file and the health page; knows nothing of the server's
code. Every port is free at the time of asking and on loopback. The supervisor's children die with
it, so `kill` of one pid ends the whole server; `stop` still checks that nothing was left behind.

    with RucketProcess(tmp_path) as server:
        client = boto3.client("s3", endpoint_url=server.endpoint, …)
"""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from tests.toml_text import Toml, to_toml

LOOPBACK = "127.0.0.1"
READY_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 30.0
POLL_INTERVAL_S = 0.05
LOG_TAIL_LINES = 40
SERVER_PORTS = range(18_000, 32_000)


class ServerProcessError(Exception):
    """The server did not do what the test asked of its processes; carries the log's tail."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """One access key pair and the user it belongs to."""

    user_name: str
    access_key: str
    secret_key: str


ROOT = Credentials("root", "rucket", "rucket123")
ALICE = Credentials("alice", "ALICEACCESSKEY0001", "alice-secret-key-of-forty-characters-000")
BOB = Credentials("bob", "BOBACCESSKEY000001", "bob-secret-key-of-forty-characters-00000")


class RucketProcess:
    """One server on a data directory, which outlives `stop`, `kill` and the next `start`.

    `config` is merged over the defaults below, section by section; a list replaces a list. Users
    ALICE and BOB exist unless `config` says otherwise. `arguments` go to `rucket serve` as they
    are, `environment` is added to the test's own.
    """

    def __init__(
        self,
        directory: Path,
        config: Mapping[str, Toml] | None = None,
        *,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.config_path = directory / "rucket.toml"
        self.log_path = directory / "server.log"
        self.arguments = tuple(arguments)
        self.environment = dict(environment or {})
        self.config = _merged(_default_config(directory), config or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._family: list[psutil.Process] = []

    # --- what it is -------------------------------------------------------------------------

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of S3, health and the admin API."""
        host, _, port = str(_section(self.config, "server")["bind"]).rpartition(":")
        return host, int(port)

    @property
    def endpoint(self) -> str:
        """The S3 endpoint's URL, without a trailing slash."""
        host, port = self.address
        return f"http://{host}:{port}"

    @property
    def metrics_url(self) -> str:
        """Where Prometheus would scrape this server."""
        metrics = _section(self.config, "metrics")
        return f"http://{metrics['bind']}:{metrics['port']}/metrics"

    @property
    def region(self) -> str:
        """The region that requests are signed for."""
        return str(_section(self.config, "server")["region"])

    @property
    def data_dir(self) -> Path:
        """Where the server keeps everything that must survive it."""
        return Path(str(_section(self.config, "storage")["data_dir"]))

    @property
    def pid(self) -> int:
        """The supervisor's process id."""
        return self._started().pid

    @property
    def returncode(self) -> int | None:
        """The supervisor's exit code, None while it runs."""
        return self._started().poll()

    # --- start ------------------------------------------------------------------------------

    def start(self, *, ready_timeout_s: float = READY_TIMEOUT_S) -> Self:
        """Start the server and wait until it can commit.

        Raises:
            ServerProcessError: It ended or was not ready in time; nothing of it is left running.
        """
        self.spawn()
        try:
            self.wait_ready(ready_timeout_s)
        except ServerProcessError:
            self.kill()
            raise
        return self

    def spawn(self) -> None:
        """Write the configuration and start the server without waiting for anything."""
        if self._process is not None and self._process.poll() is None:
            raise ServerProcessError(f"already running as pid {self._process.pid}")
        self.config_path.write_text(to_toml(self.config), encoding="utf-8")
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [*rucket_command(), "serve", "-c", str(self.config_path), *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )
        self._family = []

    def wait_ready(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Return as soon as the server says that it can commit.

        Raises:
            ServerProcessError: It ended, or was not ready within `timeout_s`.
        """
        for _ in _attempts(timeout_s):
            code = self._started().poll()
            if code is not None:
                raise ServerProcessError(f"the server ended with exit code {code}{self._tail()}")
            if self.is_ready():
                self._remember_family()
                return
        raise ServerProcessError(f"the server was not ready within {timeout_s} s{self._tail()}")

    def is_ready(self) -> bool:
        """Whether the health page says at this moment that the server can commit."""
        connection = HTTPConnection(*self.address, timeout=2)
        try:
            connection.request("GET", "/minio/health/ready")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    # --- its processes ----------------------------------------------------------------------

    def processes(self) -> list[psutil.Process]:
        """The supervisor and all its descendants that live at this moment."""
        try:
            supervisor = psutil.Process(self.pid)
            family = [supervisor, *supervisor.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []
        return [process for process in family if _is_alive(process)]

    def pids(self, role: str) -> list[int]:
        """Ids of the children with that role, such as `node`, `gateway` or `maintenance`.

        A child has a role when a word of its name or command line is it (blanks and `=:/.` part
        words).
        """
        return [
            process.pid
            for process in self.processes()
            if process.pid != self.pid and role in _role_words(process)
        ]

    def pss_bytes(self) -> int:
        """Proportional memory of the whole server: shared pages count once."""
        total = 0
        for process in self.processes():
            try:
                total += process.memory_full_info().pss
            except psutil.NoSuchProcess:
                continue
        return total

    # --- end --------------------------------------------------------------------------------

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """Drain with SIGTERM and return the exit code.

        Raises:
            ServerProcessError: It did not end in time (then it is killed), or left orphans.
        """
        process = self._started()
        self._remember_family()
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ServerProcessError(f"no end within {timeout_s} s{self._tail()}") from None
        self._end_orphans()
        return code

    def kill(self) -> None:
        """End the supervisor with SIGKILL and wait until its children are gone as well.

        Raises:
            ServerProcessError: A child outlived the supervisor (it is killed then).
        """
        process = self._started()
        self._remember_family()
        process.kill()
        process.wait()
        self._end_orphans()

    def log_tail(self, lines: int = LOG_TAIL_LINES) -> str:
        """The last lines that the server printed."""
        if not self.log_path.exists():
            return ""
        text = self.log_path.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def __enter__(self) -> Self:
        """Start the server."""
        return self.start()

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop what still runs."""
        if self._process is not None and self._process.poll() is None:
            self.stop()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ServerProcessError("the server was not started")
        return self._process

    def _tail(self) -> str:
        return f"; {self.log_path} ends with:\n{self.log_tail()}"

    def _remember_family(self) -> None:
        self._family = self.processes() or self._family

    def _end_orphans(self, grace_s: float = 5.0) -> None:
        children = [process for process in self._family if process.pid != self.pid]
        for _ in _attempts(grace_s):
            if not any(_is_alive(process) for process in children):
                return
        orphans = [process for process in children if _is_alive(process)]
        for process in orphans:
            process.kill()
        if orphans:
            left = ", ".join(str(process.pid) for process in orphans)
            raise ServerProcessError(f"children outlived the supervisor: {left}{self._tail()}")


def rucket_command() -> list[str]:
    """The `rucket` command of the environment that runs the tests."""
    return [str(Path(sys.executable).with_name("rucket"))]


def free_ports(count: int) -> list[int]:
    """`count` different ports that nobody listened on a moment ago."""
    with _bound_sockets(count) as sockets:
        return [int(bound.getsockname()[1]) for bound in sockets]


def _default_config(directory: Path) -> dict[str, Toml]:
    s3_port, metrics_port = free_ports(2)
    return {
        "server": {"bind": f"{LOOPBACK}:{s3_port}", "workers": 2, "region": "us-east-1"},
        "storage": {"data_dir": str(directory / "data")},
        "auth": {
            "access_key": ROOT.access_key,
            "secret_key": ROOT.secret_key,
            "users": [_user(ALICE), _user(BOB)],
        },
        "metrics": {"enabled": True, "bind": LOOPBACK, "port": metrics_port},
        "logging": {"level": "info", "format": "json", "log_requests": True},
    }


def _user(credentials: Credentials) -> dict[str, Toml]:
    return {
        "name": credentials.user_name,
        "display_name": credentials.user_name.capitalize(),
        "access_key": credentials.access_key,
        "secret_key": credentials.secret_key,
    }


def _merged(defaults: Mapping[str, Toml], changes: Mapping[str, Toml]) -> dict[str, Toml]:
    result = dict(defaults)
    for key, value in changes.items():
        before = result.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            result[key] = _merged(before, value)
        else:
            result[key] = value
    return result


def _section(config: Mapping[str, Toml], name: str) -> Mapping[str, Toml]:
    section = config[name]
    assert isinstance(section, Mapping)
    return section


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _role_words(process: psutil.Process) -> set[str]:
    try:
        line = " ".join([process.name(), *process.cmdline()])
    except psutil.NoSuchProcess:
        return set()
    for separator in "=:/.":
        line = line.replace(separator, " ")
    return set(line.split())


def _attempts(timeout_s: float) -> Iterator[None]:
    """Yield until `timeout_s` have passed, a short pause between two attempts."""
    attempt_count = max(1, int(timeout_s / POLL_INTERVAL_S))
    for _ in range(attempt_count):
        yield
        time.sleep(POLL_INTERVAL_S)


def _bind_somewhere(unbound: socket.socket) -> None:
    """Binds to a port below those that outgoing connections are given: one of them could take a
    port between our asking and the server's."""
    for port in random.sample(SERVER_PORTS, len(SERVER_PORTS)):
        try:
            unbound.bind((LOOPBACK, port))
        except OSError:
            continue
        return
    raise ServerProcessError("no port is free")


@contextmanager
def _bound_sockets(count: int) -> Iterator[list[socket.socket]]:
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(count)]
    try:
        for unbound in sockets:
            _bind_somewhere(unbound)
        yield sockets
    finally:
        for bound in sockets:
            bound.close()
