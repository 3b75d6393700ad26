"""Nodes as processes of this machine.

A node is started in a session of its own with no stream of its starter's: it outlives the
command, and the engine, which waits for a provider's streams to close, doesn't wait for it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from typing import TYPE_CHECKING

import psutil

from rucket_platform.clients.health import Health, probe
from rucket_platform.errors import NodeStartFailed, SubstrateError, WaitTimeout
from rucket_platform.settings_file.server_config import ServerSettings, join_address, render
from rucket_platform.substrates.node_files import (
    NodeFiles,
    NodeRecord,
    digest,
    write_private,
)
from rucket_platform.substrates.ports import require_free
from rucket_platform.substrates.process_identity import (
    find_by_arguments,
    identify,
    living_process,
)
from rucket_platform.substrates.substrate import (
    ConfigStatus,
    NodePlan,
    NodeStatus,
    Observation,
)
from rucket_platform.wait import wait_until

if TYPE_CHECKING:
    from pathlib import Path

# The server drains within its own time-out (15 s unless set); only then is it killed.
_STOP_GRACE_S = 10.0
_KILL_TIMEOUT_S = 10.0
_PROBE_TIMEOUT_S = 2.0
# A node under load may answer late; only one that stays silent this long counts as not ready.
_OBSERVE_PATIENCE_S = 10.0
_LOG_TAIL_LINES = 20


class LocalProcesses:
    """The substrate of a single machine."""

    def ensure(self, plan: NodePlan) -> Observation:
        """Make the node run exactly as planned; see `Substrate`."""
        files = NodeFiles(plan.directory)
        files.prepare()
        with files.locked():
            seen = self.observe(plan)
            if seen == Observation(NodeStatus.RUNNING, ConfigStatus.AS_DECLARED, seen.pid):
                return seen
            self._stop(files)
            write_private(files.config, render(plan.settings))
            self._start(plan, files)
        return self.observe(plan)

    def observe(self, plan: NodePlan) -> Observation:
        """Look at the node without touching it; see `Substrate`."""
        files = NodeFiles(plan.directory)
        status, pid = self.status(plan.directory, _endpoint(plan.settings))
        config = _config_on_disk(plan, files.read_config())
        if (
            pid is not None
            and config is ConfigStatus.AS_DECLARED
            and not _has_loaded(plan, files.read_record())
        ):
            config = ConfigStatus.NOT_LOADED
        return Observation(status, config, pid)

    def status(self, directory: Path, endpoint: str) -> tuple[NodeStatus, int | None]:
        """Tell whether the node runs; see `Substrate`."""
        files = NodeFiles(directory)
        process = _running(files)
        if process is None:
            status = NodeStatus.ABSENT if files.read_config() is None else NodeStatus.DEAD
            return status, None
        try:
            wait_until(
                lambda: probe(endpoint, timeout_s=_PROBE_TIMEOUT_S) is Health.READY,
                timeout_s=_OBSERVE_PATIENCE_S,
                what="the node to answer",
            )
        except WaitTimeout:
            return NodeStatus.NOT_READY, process.pid
        return NodeStatus.RUNNING, process.pid

    def remove(self, directory: Path, data_dir: Path, *, delete_data: bool) -> None:
        """Stop the node and forget it; see `Substrate`."""
        files = NodeFiles(directory)
        if not directory.exists():
            return
        with files.locked():
            self._stop(files)
            files.forget(data_dir, delete_data=delete_data)

    def _start(self, plan: NodePlan, files: NodeFiles) -> None:
        settings = plan.settings
        require_free(settings.bind, settings.port, settings.metrics_port)
        files.rotate_log()
        with files.log.open("ab") as log:
            log_start = log.tell()
            try:
                process = subprocess.Popen(
                    [*plan.command, *_arguments(files)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=plan.directory,
                    env=_environment(),
                    start_new_session=True,
                )
            except OSError as error:
                raise SubstrateError(
                    f"node {plan.region}/{plan.name}: can't run {plan.command[0]}: {error}"
                ) from error
        files.log.chmod(0o600)
        # While we live, whoever we started is reaped when it ends; afterwards init does that.
        threading.Thread(target=process.wait, name=f"reap-{process.pid}", daemon=True).start()
        identity = identify(process.pid)
        if identity is not None:
            files.write_record(NodeRecord(identity, plan.command, digest(render(settings))))
        self._wait_ready(plan, files, process, log_start)

    def _wait_ready(
        self,
        plan: NodePlan,
        files: NodeFiles,
        process: subprocess.Popen[bytes],
        log_start: int,
    ) -> None:
        endpoint = _endpoint(plan.settings)
        reason = f"not ready within {plan.start_timeout_s:g} s"
        try:
            wait_until(
                lambda: (
                    process.poll() is not None
                    or probe(endpoint, timeout_s=_PROBE_TIMEOUT_S) is Health.READY
                ),
                timeout_s=plan.start_timeout_s,
                what="the node to be ready",
            )
        except WaitTimeout:
            self._stop(files)
        else:
            if process.poll() is None:
                return
            reason = f"it ended with exit code {process.returncode}"
        exit_code = process.returncode if "exit code" in reason else None
        raise NodeStartFailed(
            f"{plan.region}/{plan.name}",
            f"{reason} (all of its log: {files.log})",
            exit_code=exit_code,
            log_tail=files.log_tail(since_bytes=log_start, lines=_LOG_TAIL_LINES),
        )

    def _stop(self, files: NodeFiles) -> None:
        process = _running(files)
        if process is None:
            return
        family = [process, *_descendants(process)]
        _send(process, signal.SIGTERM)
        try:
            _wait_gone(family, timeout_s=files.drain_timeout_s() + _STOP_GRACE_S)
        except WaitTimeout:
            _kill_session(process.pid)
            for member in family:
                _send(member, signal.SIGKILL)
            _wait_gone(family, timeout_s=_KILL_TIMEOUT_S)


def _endpoint(settings: ServerSettings) -> str:
    return f"http://{join_address(settings.bind, settings.port)}"


def _arguments(files: NodeFiles) -> list[str]:
    return ["serve", "-c", str(files.config)]


def _environment() -> dict[str, str]:
    # The settings file alone decides; the engine's passphrase is none of the node's business.
    return {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("RUCKET__", "PULUMI_", "AWS_"))
    }


def _running(files: NodeFiles) -> psutil.Process | None:
    record = files.read_record()
    process = None if record is None else living_process(record.process)
    if process is not None:
        return process
    unrecorded = find_by_arguments(_arguments(files))
    return None if unrecorded is None else living_process(unrecorded)


def _config_on_disk(plan: NodePlan, on_disk: str | None) -> ConfigStatus:
    if on_disk is None:
        return ConfigStatus.MISSING
    declared = render(plan.settings)
    return ConfigStatus.AS_DECLARED if on_disk == declared else ConfigStatus.CHANGED_BY_HAND


def _has_loaded(plan: NodePlan, record: NodeRecord | None) -> bool:
    return (
        record is not None
        and living_process(record.process) is not None
        and record.config_digest == digest(render(plan.settings))
        and record.command == plan.command
    )


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _kill_session(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _send(process: psutil.Process, signal_number: signal.Signals) -> None:
    try:
        process.send_signal(signal_number)
    except psutil.NoSuchProcess:
        return


def _wait_gone(family: list[psutil.Process], *, timeout_s: float) -> None:
    wait_until(
        lambda: all(_is_gone(member) for member in family),
        timeout_s=timeout_s,
        what=f"processes {[member.pid for member in family]} to end",
    )


def _is_gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
