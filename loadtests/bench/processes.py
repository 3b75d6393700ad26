"""A server's processes: what they cost, and a Rucket started for the benchmark alone."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import psutil

from loadtests.bench.endpoints import Endpoint, EndpointError

LOOPBACK = "127.0.0.1"
READY_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 30.0
LOG_TAIL_LINES = 30

CONFIG = """\
[server]
bind = "{host}:{port}"
[storage]
data_dir = "{data_dir}"
[metrics]
enabled = true
bind = "{host}"
port = {metrics_port}
"""


class ProcessTree:
    """A process and its descendants, whose CPU time never goes backwards."""

    def __init__(self, pid: int) -> None:
        try:
            self._root = psutil.Process(pid)
        except psutil.NoSuchProcess as error:
            raise EndpointError(f"there is no process {pid}") from error

    def cpu_s(self) -> float:
        """User and system time of all of them, those that have ended included."""
        total = 0.0
        for process in self._members():
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system + times.children_user + times.children_system
        return total

    def pss_bytes(self) -> int:
        """Proportional memory of all of them: shared pages count once."""
        total = 0
        for process in self._members():
            try:
                total += process.memory_full_info().pss
            except psutil.NoSuchProcess:
                continue
        return total

    def _members(self) -> list[psutil.Process]:
        return [self._root, *self._root.children(recursive=True)]


@contextmanager
def own_rucket(data_dir: Path | None) -> Iterator[tuple[Endpoint, int]]:
    """Start `rucket serve` with its default settings on free ports; yield endpoint and pid.

    The data lies in a new directory below `data_dir` (or the temporary directory) and is removed.

    Raises:
        EndpointError: The server ended or was not ready in time; has the end of its log.
    """
    if data_dir is not None:
        data_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="rucket-bench-", dir=data_dir) as name:
        directory = Path(name)
        port, metrics_port = free_port(), free_port()
        config = directory / "rucket.toml"
        config.write_text(
            CONFIG.format(
                host=LOOPBACK, port=port, metrics_port=metrics_port, data_dir=directory / "data"
            )
        )
        log = directory / "server.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [str(rucket_program()), "serve", "-c", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=directory,
                start_new_session=True,
            )
        try:
            _wait_ready(process, port, log)
            yield Endpoint("rucket", LOOPBACK, port, "rucket", "rucket123"), process.pid
        finally:
            _stop(process)


def rucket_program() -> Path:
    """The `rucket` command beside the Python that runs the benchmark."""
    return Path(sys.executable).with_name("rucket")


def _wait_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        if _is_ready(port):
            return
        time.sleep(0.05)
    lines = log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
    state = "was not ready in time" if process.poll() is None else f"ended: {process.returncode}"
    raise EndpointError("\n".join([f"rucket serve {state}; its log ends with:", *lines]))


def _is_ready(port: int) -> bool:
    connection = HTTPConnection(LOOPBACK, port, timeout=2)
    try:
        connection.request("GET", "/minio/health/ready")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as bound:
        bound.bind((LOOPBACK, 0))
        return int(bound.getsockname()[1])
