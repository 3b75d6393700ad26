"""Real clients, each in an environment of its own that a lock file pins byte for byte.

A Python client is a virtual environment from a `requirements` lock with hashes, a Go client a
binary from a `go.mod` and `go.sum`. Each is made once and cached under a name with the hash of its
lock; from then on nothing is fetched. Two test runs that want the same one at the same time wait
for each other, and a half-made one is never seen: it is renamed into place when it is whole.

    python -m tests.clients.locked_environments      makes all of them, with progress
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

HERE = Path(__file__).parent
BUILD_TIMEOUT_S = 30 * 60
KEY_LENGTH = 16
OUTPUT_TAIL_LINES = 25

Progress = Callable[[str], None]


class EnvironmentUnavailableError(Exception):
    """A client could not be made on this machine; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class PythonClient:
    """A client from the Python package index; `script` is the program inside its `bin`."""

    name: str
    distribution: str
    script: str | None = None

    @property
    def lock_paths(self) -> tuple[Path, ...]:
        """The files that say everything about what is installed."""
        return (HERE / "locks" / f"{self.name}.txt",)

    @property
    def version(self) -> str:
        """The version that the lock pins."""
        for line in self.lock_paths[0].read_text(encoding="utf-8").splitlines():
            pinned, separator, rest = line.partition("==")
            if separator and pinned.partition("[")[0] == self.distribution:
                return rest.split()[0]
        raise EnvironmentUnavailableError(f"{self.lock_paths[0]} does not pin {self.distribution}")

    def command(self, directory: Path) -> list[str]:
        """How to run the client, or plain Python with the client's library, from `directory`."""
        python = str(directory / "bin" / "python")
        if self.script is None:
            return [python]
        # By way of Python: the script's first line names the directory it was made in.
        return [python, str(directory / "bin" / self.script)]

    def build(self, directory: Path) -> None:
        """Make the virtual environment in `directory`, which exists and is empty."""
        _run([sys.executable, "-m", "venv", str(directory)], cwd=HERE)
        pip = [str(directory / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        options = ["--disable-pip-version-check", "--no-deps", "--require-hashes"]
        _run([*pip, *options, "-r", str(self.lock_paths[0])], cwd=HERE)


@dataclass(frozen=True, slots=True)
class GoClient:
    """A client that is built from a Go module; `version_variable` is set by the linker."""

    name: str
    module: str
    package: str
    version_variable: str | None = None

    @property
    def lock_paths(self) -> tuple[Path, ...]:
        """The files that say everything about what is built."""
        directory = HERE / "tools" / self.name
        return (directory / "go.mod", directory / "go.sum")

    @property
    def version(self) -> str:
        """The version that `go.mod` requires, with its leading `v`."""
        for line in self.lock_paths[0].read_text(encoding="utf-8").splitlines():
            words = line.removeprefix("require").split()
            if len(words) >= 2 and words[0] == self.module:
                return words[1]
        raise EnvironmentUnavailableError(f"{self.lock_paths[0]} does not require {self.module}")

    def command(self, directory: Path) -> list[str]:
        """How to run the client from `directory`."""
        return [str(directory / self.name)]

    def build(self, directory: Path) -> None:
        """Build the binary into `directory`, which exists and is empty."""
        go = shutil.which("go")
        if go is None:
            raise EnvironmentUnavailableError(
                f"{self.name} is built from its Go module, and there is no `go` on PATH"
            )
        linker_flags = "-s -w"
        if self.version_variable is not None:
            linker_flags += f" -X {self.version_variable}={self.version}"
        options = ["-p", "2", "-mod=readonly", "-trimpath", "-ldflags", linker_flags]
        output = str(directory / self.name)
        _run([go, "build", *options, "-o", output, self.package], cwd=self.lock_paths[0].parent)


Client = PythonClient | GoClient

BOTO3_CURRENT = PythonClient("boto3_current", "boto3")
BOTO3_BEFORE_CHECKSUMS = PythonClient("boto3_before_checksums", "boto3")
S3FS = PythonClient("s3fs", "s3fs")
AWS_CLI = PythonClient("aws_cli", "awscli", "aws")
S3CMD = PythonClient("s3cmd", "s3cmd", "s3cmd")
RESTIC = GoClient("restic", "github.com/restic/restic", "github.com/restic/restic/cmd/restic")
RCLONE = GoClient(
    "rclone",
    "github.com/rclone/rclone",
    "github.com/rclone/rclone",
    version_variable="github.com/rclone/rclone/fs.Version",
)
ALL_CLIENTS: tuple[Client, ...] = (
    BOTO3_CURRENT,
    BOTO3_BEFORE_CHECKSUMS,
    S3FS,
    AWS_CLI,
    S3CMD,
    RESTIC,
    RCLONE,
)


def cache_directory() -> Path:
    """Where environments are kept between runs."""
    if chosen := os.environ.get("RUCKET_TOOLS_DIR"):
        return Path(chosen) / "clients"
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "rucket" / "tools" / "clients"


def provide(client: Client, progress: Progress) -> list[str]:
    """Return the command that runs `client`, making its environment when the cache lacks it.

    Raises:
        EnvironmentUnavailableError: It could not be made; the message has the last lines of output.
    """
    directory = cache_directory() / f"{client.name}-{_lock_key(client)}"
    if not directory.exists():
        directory.parent.mkdir(parents=True, exist_ok=True)
        with _exclusive(directory.with_suffix(".lock")):
            if not directory.exists():
                _make(client, directory, progress)
    return client.command(directory)


def _make(client: Client, directory: Path, progress: Progress) -> None:
    progress(f"{client.name} {client.version}: making its environment, once …")
    started = time.perf_counter()
    unfinished = Path(tempfile.mkdtemp(prefix=f"{client.name}-", dir=directory.parent))
    try:
        client.build(unfinished)
        unfinished.rename(directory)
    except EnvironmentUnavailableError as error:
        raise EnvironmentUnavailableError(f"{client.name} {client.version}: {error}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    progress(f"{client.name} {client.version}: ready ({time.perf_counter() - started:.0f} s)")


def _lock_key(client: Client) -> str:
    digest = hashlib.sha256(f"{sys.version_info[:3]} {client!r}".encode())
    for path in client.lock_paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:KEY_LENGTH]


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    with path.open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(command: list[str], *, cwd: Path) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=BUILD_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise EnvironmentUnavailableError(
            f"no end within {BUILD_TIMEOUT_S} s: {command}"
        ) from error
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-OUTPUT_TAIL_LINES:])
        raise EnvironmentUnavailableError(f"`{' '.join(command)}` failed:\n{tail}")


def main() -> int:
    """Make every environment that the cache lacks."""
    console = Console(highlight=False, soft_wrap=True)
    for client in ALL_CLIENTS:
        try:
            provide(client, console.print)
        except EnvironmentUnavailableError as error:
            console.print(str(error), style="red", markup=False)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
