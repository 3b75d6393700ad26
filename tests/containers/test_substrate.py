"""Nodes in containers: the substrate alone, with the real image. The same stories as for processes
(`tests/unit_platform/test_local_process.py`), and what only containers can do.
"""

import gc
import json
import os
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from docker import DockerClient
from docker.models.containers import Container

from rucket_platform.clients.connection import Connection
from rucket_platform.clients.s3 import Buckets
from rucket_platform.errors import EngineUnavailable, NodeStartFailed, PortInUse, SubstrateError
from rucket_platform.settings_file.server_config import ServerSettings
from rucket_platform.substrates.by_image import ByImage
from rucket_platform.substrates.container_files import ContainerFiles
from rucket_platform.substrates.containers import Containers
from rucket_platform.substrates.node_files import NodeFiles
from rucket_platform.substrates.substrate import ConfigStatus, NodePlan, NodeStatus, Observation
from tests.server_process import free_ports

_SECRET = "hush-hush-hush-hush"

PlanMaker = Callable[..., NodePlan]


@pytest.fixture
def plan(image: str, tmp_path: Path) -> Iterator[PlanMaker]:
    """Makes plans of one node, all on the same ports; the node is removed afterwards."""
    port, metrics_port = free_ports(2)
    directory = tmp_path / "eu" / "eu-1"

    def make(**server: int) -> NodePlan:
        settings = ServerSettings(
            bind="127.0.0.1",
            port=port,
            metrics_port=metrics_port,
            s3_region="eu",
            data_dir=str(directory / "data"),
            access_key_id="operator",
            secret_access_key=_SECRET,
            sections={"server": {"workers": 1, **server}},
        )
        return NodePlan("eu", "eu-1", directory, ("rucket",), settings, 120, image)

    yield make
    ByImage().remove(directory, directory / "data", delete_data=True)


def _container(engine: DockerClient, plan: NodePlan) -> Container:
    return engine.containers.get(ContainerFiles(plan.directory).container_name)


def _buckets(plan: NodePlan) -> Buckets:
    endpoint = f"http://127.0.0.1:{plan.settings.port}"
    return Buckets(Connection(endpoint, "eu", "operator", _SECRET))


def test_a_node_is_started_once_and_left_alone(plan: PlanMaker, engine: DockerClient) -> None:
    """The second call finds it as planned; it is unprivileged, and published on loopback only."""
    first = Containers().ensure(plan())
    second = Containers().ensure(plan())

    assert first == second == Observation(NodeStatus.RUNNING, ConfigStatus.AS_DECLARED, first.pid)
    attrs = _container(engine, plan()).attrs
    published = [
        binding for ports in attrs["NetworkSettings"]["Ports"].values() for binding in ports or []
    ]
    assert {binding["HostIp"] for binding in published} == {"127.0.0.1"}
    assert attrs["HostConfig"]["ReadonlyRootfs"] is True
    assert attrs["HostConfig"]["CapDrop"] == ["ALL"]
    assert not attrs["Config"]["User"].startswith("0")


def test_no_secret_can_be_asked_of_the_engine(plan: PlanMaker, engine: DockerClient) -> None:
    """It is in the private settings file, neither in the container's description nor in its log."""
    Containers().ensure(plan())

    container = _container(engine, plan())
    config = NodeFiles(plan().directory).config
    assert _SECRET in config.read_text()
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert stat.S_IMODE(ContainerFiles(plan().directory).record.stat().st_mode) == 0o600
    assert _SECRET not in json.dumps(container.attrs)
    assert _SECRET.encode() not in container.logs()
    assert _SECRET not in ContainerFiles(plan().directory).record.read_text()


def test_what_was_changed_by_hand_or_died_is_seen_and_healed(
    plan: PlanMaker, engine: DockerClient
) -> None:
    """Settings, kill, pause, another container under its name: each is noticed, then put right."""
    substrate = Containers()
    substrate.ensure(plan())
    files = NodeFiles(plan().directory)
    with _buckets(plan()) as buckets:
        buckets.create("kept")

    files.config.write_text(files.config.read_text() + "# by hand\n")
    by_hand = substrate.observe(plan())
    _container(engine, plan()).kill()
    killed = substrate.observe(plan())
    healed = substrate.ensure(plan())
    record = ContainerFiles(plan().directory).read_record()
    assert record is not None
    ContainerFiles(plan().directory).write_record(replace(record, container_id="another"))
    replaced = substrate.observe(plan())
    changed = substrate.ensure(plan(max_connections=64))

    assert (by_hand.status, by_hand.config) == (NodeStatus.RUNNING, ConfigStatus.CHANGED_BY_HAND)
    assert (killed.status, killed.pid) == (NodeStatus.DEAD, None)
    assert healed == Observation(NodeStatus.RUNNING, ConfigStatus.AS_DECLARED, healed.pid)
    assert replaced.config is ConfigStatus.NOT_LOADED
    assert changed.config is ConfigStatus.AS_DECLARED
    assert changed.pid != healed.pid
    with _buckets(plan()) as buckets:
        assert buckets.exists("kept")


def test_a_start_that_was_cut_off_is_taken_over(plan: PlanMaker, engine: DockerClient) -> None:
    """A container that was made but not recorded, or recorded but not started, leaves no second."""
    Containers().ensure(plan())
    record = ContainerFiles(plan().directory).read_record()
    assert record is not None
    ContainerFiles(plan().directory).write_record(replace(record, container_id=None, image_id=None))

    unrecorded = Containers().observe(plan())
    taken_over = Containers().ensure(plan())
    _container(engine, plan()).stop()
    again = Containers().ensure(plan())

    assert unrecorded.config is ConfigStatus.NOT_LOADED
    assert taken_over.status is again.status is NodeStatus.RUNNING
    name = ContainerFiles(plan().directory).container_name
    assert len(engine.containers.list(all=True, filters={"name": name})) == 1


def test_a_name_that_means_a_new_image_is_an_upgrade(
    plan: PlanMaker, engine: DockerClient, image: str
) -> None:
    """When the tag moves, the node is not as declared any more, and `ensure` replaces it."""
    tagged = replace(plan(), image="rucket-moving:test")
    engine.images.get(image).tag("rucket-moving", "test")
    try:
        old = Containers().ensure(tagged)
        newer = engine.containers.create(image, labels={"newer": "yes"})
        newer.commit("rucket-moving", "test", changes='LABEL newer="yes"')
        newer.remove(v=True)
        seen = Containers().observe(tagged)
        upgraded = Containers().ensure(tagged)
    finally:
        Containers().remove(tagged.directory, Path(tagged.settings.data_dir), delete_data=False)
        engine.images.remove("rucket-moving:test", force=True)

    assert seen == Observation(NodeStatus.RUNNING, ConfigStatus.NOT_LOADED, old.pid)
    assert upgraded.config is ConfigStatus.AS_DECLARED
    assert upgraded.pid != old.pid


def test_failures_say_what_to_do_and_leave_nothing(plan: PlanMaker, engine: DockerClient) -> None:
    """A port in use, a refused setting, an image that isn't there."""
    with (
        socket.create_server(("127.0.0.1", plan().settings.port)),
        pytest.raises(PortInUse, match=f"{os.getpid()}"),
    ):
        Containers().ensure(plan())
    with pytest.raises(NodeStartFailed, match="no_such_key") as failed:
        Containers().ensure(plan(no_such_key=1))
    with pytest.raises(SubstrateError, match="make image"):
        Containers().ensure(replace(plan(), image="rucket:no-such-tag"))

    assert failed.value.exit_code == 2
    name = ContainerFiles(plan().directory).container_name
    assert engine.containers.list(all=True, filters={"name": name}) == []


def test_a_process_becomes_a_container_with_its_data(plan: PlanMaker, engine: DockerClient) -> None:
    """And back, and again; one ends before the other takes its ports and its data."""
    substrate = ByImage()
    as_process = replace(plan(), image=None, command=_server_command())
    substrate.ensure(as_process)
    with _buckets(plan()) as buckets:
        buckets.create("moved")

    contained = substrate.ensure(plan())
    status, _ = substrate.status(plan().directory, f"http://127.0.0.1:{plan().settings.port}")
    with _buckets(plan()) as buckets:
        kept = buckets.exists("moved")
    back = substrate.ensure(as_process)
    name = ContainerFiles(plan().directory).container_name
    left = engine.containers.list(all=True, filters={"name": name})
    with _buckets(plan()) as buckets:
        buckets.create("of-the-process")
    again = substrate.ensure(plan())

    assert contained.status is status is back.status is again.status is NodeStatus.RUNNING
    assert kept
    assert left == []
    with _buckets(plan()) as buckets:
        assert buckets.exists("moved")
        assert buckets.exists("of-the-process")


def test_removal_keeps_data_until_told_otherwise(plan: PlanMaker, engine: DockerClient) -> None:
    """Kept data and settings serve the next start; a second removal is fine."""
    substrate, node = ByImage(), plan()
    data_dir = Path(node.settings.data_dir)
    substrate.ensure(node)

    substrate.remove(node.directory, data_dir, delete_data=False)
    substrate.remove(node.directory, data_dir, delete_data=False)
    kept = data_dir.is_dir() and NodeFiles(node.directory).config.exists()
    gone = substrate.observe(node)
    substrate.ensure(node)
    substrate.remove(node.directory, data_dir, delete_data=True)

    assert kept
    assert gone.status is NodeStatus.DEAD
    assert not node.directory.exists()
    name = ContainerFiles(node.directory).container_name
    assert engine.containers.list(all=True, filters={"name": name}) == []


# The SDK leaves a socket that couldn't connect to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_processes_need_no_engine(
    plan: PlanMaker, tmp_path: Path, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an engine only what shall be a container fails, and says how to get one."""
    del image
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    as_process = replace(plan(), image=None, command=_server_command())

    assert ByImage().ensure(as_process).status is NodeStatus.RUNNING
    ByImage().remove(plan().directory, Path(plan().settings.data_dir), delete_data=True)
    with pytest.raises(EngineUnavailable, match="DOCKER_HOST"):
        ByImage().ensure(plan())
    monkeypatch.undo()
    gc.collect()


def _server_command() -> tuple[str, ...]:
    return (sys.executable, "-m", "rucket")
