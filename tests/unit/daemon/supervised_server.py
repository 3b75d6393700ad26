"""A supervisor with its children as real processes, and what can be seen of them from outside."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rucket_platform.wait import wait_until
from tests.server_process import free_ports
from tests.unit.daemon.roles.behaviour import Script

REPOSITORY = Path(__file__).parents[3]
TIMEOUT_S = 30.0
SECRET = "a-secret-nobody-may-see"


class SupervisedServer:
    """A test server below `directory`."""

    def __init__(self, directory: Path, *, shutdown_timeout_s: float = 15.0) -> None:
        self.directory = directory
        self.data_dir = directory / "data"
        port, self.metrics_port = free_ports(2)
        self.bind = f"127.0.0.1:{port}"
        self.shutdown_timeout_s = shutdown_timeout_s
        (directory / "scripts").mkdir(parents=True, exist_ok=True)
        self._processes: list[subprocess.Popen[str]] = []

    def script(self, place: str, script: Script) -> None:
        """Says what processes at `place` do from their start on."""
        (self.directory / "scripts" / place).write_text(script)

    def start(self, environment: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
        """Starts a supervisor, in a process group of its own."""
        config = self.directory / "rucket.toml"
        config.write_text(
            f"""
            [server]
            bind = "{self.bind}"
            workers = 2
            shutdown_timeout_s = {self.shutdown_timeout_s}
            [storage]
            data_dir = "{self.data_dir}"
            [metrics]
            port = {self.metrics_port}
            [logging]
            level = "debug"
            """
        )
        # A file, and no pipe that a child which outlived the test would keep open.
        with (self.directory / "log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.unit.daemon.run_supervisor", str(config)],
                cwd=REPOSITORY,
                env={
                    **os.environ,
                    "PYTHONPATH": f"{REPOSITORY}",
                    "RUCKET__AUTH__SECRET_KEY": SECRET,
                    **(environment or {}),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                text=True,
                process_group=0,
            )
        self._processes.append(process)
        return process

    def start_ready(self) -> "subprocess.Popen[str]":
        """Starts a supervisor and returns when the server is ready."""
        (self.directory / "greeted").unlink(missing_ok=True)
        process = self.start()
        self.wait_for((self.directory / "greeted").exists, "the server to be ready")
        return process

    def wait_for(self, condition: "object", what: str) -> None:
        """Returns as soon as `condition` holds; the log is in the error if it never does."""
        assert callable(condition)
        try:
            wait_until(condition, timeout_s=TIMEOUT_S, what=what)
        except Exception as error:
            error.add_note(self.log())
            raise

    def log(self) -> str:
        """All that was logged."""
        return (self.directory / "log").read_text()

    def journal(self) -> list[tuple[str, str, int]]:
        """What became of the children: (what, place, pid), in order."""
        path = self.directory / "journal"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(what, place, int(pid)) for what, place, pid in map(str.split, lines)]

    def pids(self, place: str) -> list[int]:
        """All processes there ever were at `place`, in order."""
        return [pid for what, at, pid in self.journal() if (what, at) == ("started", place)]

    def order_of(self, what: str) -> list[str]:
        """The places of which the journal says `what`, in order."""
        return [place for noted, place, _ in self.journal() if noted == what]

    def living(self) -> list[int]:
        """The children that exist, zombies included."""
        pids = [pid for what, _, pid in self.journal() if what == "started"]
        return [pid for pid in pids if Path(f"/proc/{pid}").exists()]

    def end(self) -> None:
        """Leaves nothing behind."""
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait(TIMEOUT_S)


@contextmanager
def supervised_server(
    directory: Path, *, shutdown_timeout_s: float = 15.0
) -> Iterator[SupervisedServer]:
    """A test server that is over when the context is left."""
    server = SupervisedServer(directory, shutdown_timeout_s=shutdown_timeout_s)
    try:
        yield server
    finally:
        server.end()
