"""The files of a node that runs as a local process, all in its own directory.

```
<directory>/            0700
├── rucket.toml         0600, the settings, with the root secret
├── node.json           0600, what runs: pid, start time, command, digest of the settings it read
├── node.lock           held by whoever starts or stops the node
├── data/               unless the device lies elsewhere
└── log/node.log        stdout and stderr; node.log.1 is the one before
```
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tomllib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rucket_platform.errors import SubstrateError
from rucket_platform.substrates.process_identity import ProcessIdentity

if TYPE_CHECKING:
    from collections.abc import Iterator

_FORMAT_VERSION = 1
_DEFAULT_SHUTDOWN_TIMEOUT_S = 15.0
_LOG_SIZE_BYTES_MAX = 16 * 1024 * 1024
_TAIL_SIZE_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """What was started.

    Attributes:
        process: The supervisor.
        command: Executable with leading arguments, as in the plan.
        config_digest: SHA-256 of the `rucket.toml` that the process read, hex.
    """

    process: ProcessIdentity
    command: tuple[str, ...]
    config_digest: str


@dataclass(frozen=True, slots=True)
class NodeFiles:
    """The files below one node's directory."""

    directory: Path

    @property
    def config(self) -> Path:
        """The server's settings file."""
        return self.directory / "rucket.toml"

    @property
    def log(self) -> Path:
        """What the node writes to stdout and stderr."""
        return self.directory / "log" / "node.log"

    @property
    def record(self) -> Path:
        """Where `NodeRecord` lies."""
        return self.directory / "node.json"

    def prepare(self) -> None:
        """Make the directories, readable by their owner only."""
        for directory in (self.directory, self.log.parent):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            directory.chmod(0o700)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the node's lock; waits for whoever holds it. Ends with the process."""
        with (self.directory / "node.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def read_config(self) -> str | None:
        """Read the settings as they are on disk."""
        try:
            return self.config.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def drain_timeout_s(self) -> float:
        """How long the server takes at most to end by itself, as its settings say."""
        try:
            settings = tomllib.loads(self.read_config() or "")
        except tomllib.TOMLDecodeError:
            settings = {}
        return float(
            settings.get("server", {}).get("shutdown_timeout_s", _DEFAULT_SHUTDOWN_TIMEOUT_S)
        )

    def read_record(self) -> NodeRecord | None:
        """Read what was started; None if nothing is recorded or the record is cut off.

        Raises:
            SubstrateError: A newer version wrote it.
        """
        try:
            body = json.loads(self.record.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        if body.get("format_version") != _FORMAT_VERSION:
            raise SubstrateError(
                f"{self.record} has format_version {body.get('format_version')}, "
                f"known is {_FORMAT_VERSION}; use the version that wrote it"
            )
        return NodeRecord(
            process=ProcessIdentity(int(body["pid"]), float(body["started_at"])),
            command=tuple(body["command"]),
            config_digest=str(body["config_digest"]),
        )

    def write_record(self, record: NodeRecord) -> None:
        """Record what was started."""
        body = {
            "format_version": _FORMAT_VERSION,
            "pid": record.process.pid,
            "started_at": record.process.started_at,
            "command": list(record.command),
            "config_digest": record.config_digest,
        }
        write_private(self.record, json.dumps(body, indent=2) + "\n")

    def rotate_log(self) -> None:
        """Put a long log aside, so that two files bound what logs take."""
        if self.log.exists() and self.log.stat().st_size > _LOG_SIZE_BYTES_MAX:
            self.log.replace(self.log.with_name("node.log.1"))

    def log_tail(self, *, since_bytes: int, lines: int) -> tuple[str, ...]:
        """Read the last lines that were written after the log was `since_bytes` long."""
        try:
            with self.log.open("rb") as log:
                end = log.seek(0, os.SEEK_END)
                log.seek(max(since_bytes, end - _TAIL_SIZE_BYTES_MAX))
                text = log.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ()
        return tuple(text.splitlines()[-lines:])

    def forget(self, data_dir: Path, *, delete_data: bool) -> None:
        """Remove what was started; with `delete_data` everything, else all but data and settings.

        The settings stay with the data because they hold the credentials that open it.
        """
        self.record.unlink(missing_ok=True)
        if delete_data:
            if self.directory.is_relative_to(data_dir) or Path.home().is_relative_to(data_dir):
                raise SubstrateError(
                    f"won't delete {data_dir}: it holds more than a node's data; "
                    f"empty it by hand, and set data: keep"
                )
            shutil.rmtree(data_dir, ignore_errors=True)
            shutil.rmtree(self.directory, ignore_errors=True)


def digest(config_text: str) -> str:
    """Digest settings, to compare them without keeping them."""
    return hashlib.sha256(config_text.encode()).hexdigest()


def write_private(path: Path, text: str) -> None:
    """Write a file whole or not at all, readable by its owner only."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 -- a descriptor
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
