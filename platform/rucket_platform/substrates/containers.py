"""Nodes as containers of an engine on this machine.

A node's directory is what it is for a process; its `rucket.toml` and its data directory are
mounted into the container. The server listens on every address of the container, and the engine
publishes its ports on the address of the plan. A container isn't changed but replaced, and
started by nobody but us.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docker.errors import APIError, ImageNotFound, NotFound
from docker.types import LogConfig, Mount
from requests import RequestException

from rucket_platform.clients.container_engine import connect_engine
from rucket_platform.clients.health import Health, probe
from rucket_platform.errors import NodeStartFailed, SubstrateError, WaitTimeout
from rucket_platform.settings_file.server_config import ServerSettings, join_address, render
from rucket_platform.substrates.container_files import (
    ContainerFiles,
    ContainerRecord,
    hand_over,
)
from rucket_platform.substrates.node_files import NodeFiles, digest, write_private
from rucket_platform.substrates.ports import require_free
from rucket_platform.substrates.substrate import (
    ConfigStatus,
    NodePlan,
    NodeStatus,
    Observation,
)
from rucket_platform.wait import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker import DockerClient
    from docker.models.containers import Container

# The image's own user: the server never runs as root, even where we do.
_UNPRIVILEGED = 10001
_EVERYWHERE = "0.0.0.0"
_CONFIG_IN_CONTAINER = "/etc/rucket/rucket.toml"
_STOP_GRACE_S = 10
_PROBE_TIMEOUT_S = 2.0
_OBSERVE_PATIENCE_S = 10.0
_LOG_TAIL_LINES = 20
# Two files of this size bound what a node's log takes.
_LOG_OPTIONS = {"max-size": "16m", "max-file": "2"}


class Containers:
    """The substrate of a single machine with a container engine."""

    def ensure(self, plan: NodePlan) -> Observation:
        """Make the node run exactly as planned; see `Substrate`."""
        files = NodeFiles(plan.directory)
        files.prepare()
        with files.locked(), _engine() as engine:
            seen = _observe(engine, plan)
            if seen == Observation(NodeStatus.RUNNING, ConfigStatus.AS_DECLARED, seen.pid):
                return seen
            _remove_container(engine, plan.directory)
            self._start(engine, plan, files)
            return _observe(engine, plan)

    def observe(self, plan: NodePlan) -> Observation:
        """Look at the node without touching it; see `Substrate`."""
        with _engine() as engine:
            return _observe(engine, plan)

    def status(self, directory: Path, endpoint: str) -> tuple[NodeStatus, int | None]:
        """Tell whether the node runs; see `Substrate`."""
        with _engine() as engine:
            return _status(_find(engine, directory), directory, endpoint)

    def remove(self, directory: Path, data_dir: Path, *, delete_data: bool) -> None:
        """Stop the node and forget it; see `Substrate`."""
        files = NodeFiles(directory)
        if not directory.exists():
            return
        with files.locked(), _engine() as engine:
            _remove_container(engine, directory)
            ContainerFiles(directory).record.unlink(missing_ok=True)
            files.forget(data_dir, delete_data=delete_data)

    def _start(self, engine: DockerClient, plan: NodePlan, files: NodeFiles) -> None:
        assert plan.image is not None
        settings = plan.settings
        require_free(_published_on(settings), settings.port, settings.metrics_port)
        text = render(_inside(settings))
        write_private(files.config, text)
        data_dir, user = Path(settings.data_dir), _user()
        is_new = not data_dir.exists()
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.getuid() == 0:
            hand_over(files.config, user)
            # Every file of it, where a process of ours may have been the last to write there.
            if is_new or ContainerFiles(plan.directory).read_record() is None:
                hand_over(data_dir, user)
        record = ContainerRecord(None, plan.image, None, settings.bind, digest(text))
        ContainerFiles(plan.directory).write_record(record)
        container = _create(engine, plan, user)
        record = replace(record, container_id=container.id, image_id=container.image.id)
        ContainerFiles(plan.directory).write_record(record)
        try:
            container.start()
        except APIError as error:
            container.remove(force=True, v=True)
            raise SubstrateError(f"{_name(plan)}: {error.explanation or error}") from error
        _wait_ready(plan, container)


@contextmanager
def _engine() -> Iterator[DockerClient]:
    client = connect_engine()
    try:
        yield client
    except APIError as error:
        raise SubstrateError(f"the container engine: {error.explanation or error}") from error
    except RequestException as error:
        raise SubstrateError(f"the container engine went away: {error}; try again") from error
    finally:
        client.close()


def _observe(engine: DockerClient, plan: NodePlan) -> Observation:
    container = _find(engine, plan.directory)
    endpoint = f"http://{join_address(plan.settings.bind, plan.settings.port)}"
    status, pid = _status(container, plan.directory, endpoint)
    on_disk, declared = NodeFiles(plan.directory).read_config(), render(_inside(plan.settings))
    if on_disk is None:
        config = ConfigStatus.MISSING
    elif on_disk != declared:
        config = ConfigStatus.CHANGED_BY_HAND
    elif pid is not None and not _is_of_plan(engine, container, plan):
        config = ConfigStatus.NOT_LOADED
    else:
        config = ConfigStatus.AS_DECLARED
    return Observation(status, config, pid)


def _status(
    container: Container | None, directory: Path, endpoint: str
) -> tuple[NodeStatus, int | None]:
    if container is None or container.status not in {"running", "paused"}:
        gone = NodeFiles(directory).read_config() is None and container is None
        return (NodeStatus.ABSENT if gone else NodeStatus.DEAD), None
    pid = int(container.attrs["State"]["Pid"])
    try:
        wait_until(
            lambda: probe(endpoint, timeout_s=_PROBE_TIMEOUT_S) is Health.READY,
            timeout_s=_OBSERVE_PATIENCE_S,
            what="the node to answer",
        )
    except WaitTimeout:
        return NodeStatus.NOT_READY, pid
    return NodeStatus.RUNNING, pid


def _is_of_plan(engine: DockerClient, container: Container | None, plan: NodePlan) -> bool:
    """Tell whether the container is the recorded one, of the planned image and settings.

    A name that means another image by now is a new plan: `make image`, then `up`, upgrades. One
    that the engine has forgotten says nothing against the container that runs.
    """
    record = ContainerFiles(plan.directory).read_record()
    if record is None or container is None:
        return False
    try:
        image_id = engine.images.get(plan.image).id
    except ImageNotFound:
        image_id = record.image_id
    return (
        record.container_id == container.id
        and record.config_digest == digest(render(_inside(plan.settings)))
        and record.bind == plan.settings.bind
        and (record.image, record.image_id) == (plan.image, image_id)
    )


def _create(engine: DockerClient, plan: NodePlan, user: int) -> Container:
    settings = plan.settings
    address = _published_on(settings)
    ports = (settings.port, settings.metrics_port)
    data_dir = settings.data_dir
    options: dict[str, Any] = {
        "name": ContainerFiles(plan.directory).container_name,
        "labels": {"rucket.region": plan.region, "rucket.node": plan.name},
        "command": ["serve", "-c", _CONFIG_IN_CONTAINER],
        "user": f"{user}:{user if user == _UNPRIVILEGED else os.getgid()}",
        "ports": {f"{port}/tcp": (address, port) for port in ports},
        "mounts": [
            Mount(
                _CONFIG_IN_CONTAINER, str(NodeFiles(plan.directory).config), "bind", read_only=True
            ),
            Mount(data_dir, data_dir, "bind"),
        ],
        "read_only": True,
        "tmpfs": {"/tmp": "size=64m"},
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "stop_signal": "SIGTERM",
        "log_config": LogConfig(type="json-file", config=_LOG_OPTIONS),
    }
    try:
        return engine.containers.create(plan.image, **options)
    except ImageNotFound:
        raise SubstrateError(
            f"{_name(plan)}: the engine has no image {plan.image}; build it (make image) or "
            f"pull it (docker pull {plan.image}), or name another one in the stack file"
        ) from None


def _wait_ready(plan: NodePlan, container: Container) -> None:
    endpoint = f"http://{join_address(plan.settings.bind, plan.settings.port)}"

    def has_ended() -> bool:
        container.reload()
        return container.status in {"exited", "dead"}

    reason = f"not ready within {plan.start_timeout_s:g} s"
    exit_code = None
    try:
        wait_until(
            lambda: has_ended() or probe(endpoint, timeout_s=_PROBE_TIMEOUT_S) is Health.READY,
            timeout_s=plan.start_timeout_s,
            what="the node to be ready",
        )
    except WaitTimeout:
        pass
    else:
        if not has_ended():
            return
        exit_code = int(container.attrs["State"]["ExitCode"])
        reason = f"it ended with exit code {exit_code}"
    tail = container.logs(tail=_LOG_TAIL_LINES).decode("utf-8", "replace").splitlines()
    # Ended, or not ready and of no use: like a process, it isn't left behind.
    container.remove(force=True, v=True)
    raise NodeStartFailed(
        f"{plan.region}/{plan.name}", reason, exit_code=exit_code, log_tail=tuple(tail)
    )


def _remove_container(engine: DockerClient, directory: Path) -> None:
    container = _find(engine, directory)
    if container is None:
        return
    try:
        if container.status == "paused":
            container.unpause()
        container.stop(timeout=int(NodeFiles(directory).drain_timeout_s() + _STOP_GRACE_S))
        container.remove(force=True, v=True)
    except NotFound:
        # Somebody removed it meanwhile.
        return


def _find(engine: DockerClient, directory: Path) -> Container | None:
    try:
        return engine.containers.get(ContainerFiles(directory).container_name)
    except NotFound:
        return None


def _inside(settings: ServerSettings) -> ServerSettings:
    return replace(settings, bind=_EVERYWHERE)


def _published_on(settings: ServerSettings) -> str:
    # The engine publishes on addresses only.
    return "127.0.0.1" if settings.bind == "localhost" else settings.bind


def _user() -> int:
    """Whose files they are: ours, unless we are root."""
    return os.getuid() or _UNPRIVILEGED


def _name(plan: NodePlan) -> str:
    return f"node {plan.region}/{plan.name}"
