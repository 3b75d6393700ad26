"""The substrate of local processes, with real small processes."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from rucket_platform.errors import NodeStartFailed, PortInUse, SubstrateError
from rucket_platform.settings_file.server_config import ServerSettings
from rucket_platform.substrates.local_process import LocalProcesses
from rucket_platform.substrates.node_files import NodeFiles
from rucket_platform.substrates.process_identity import identify, living_process
from rucket_platform.substrates.substrate import ConfigStatus, NodePlan, NodeStatus, Observation
from rucket_platform.wait import wait_until
from tests.server_process import free_ports

SERVER = Path(__file__).with_name("stand_in_server.py")
LOOPBACK = "127.0.0.1"

PlanMaker = Callable[..., NodePlan]


@pytest.fixture
def plan(tmp_path: Path) -> Iterator[PlanMaker]:
    """Makes plans of one node, all on the same ports; the node is ended afterwards."""
    port, metrics_port = free_ports(2)
    directory = tmp_path / "eu" / "eu-1"

    def make(**wishes: Any) -> NodePlan:
        # A short drain time lets a stubborn server be killed soon.
        sections = {"server": {"shutdown_timeout_s": -9.5}, "stand_in": wishes}
        settings = ServerSettings(
            bind=LOOPBACK,
            port=port,
            metrics_port=metrics_port,
            s3_region="eu",
            data_dir=str(directory / "data"),
            access_key_id="root",
            secret_access_key="hush",
            sections=sections,
        )
        command = (sys.executable, str(SERVER))
        return NodePlan("eu", "eu-1", directory, command, settings, start_timeout_s=20)

    yield make
    LocalProcesses().remove(directory, directory / "data", delete_data=True)


def test_a_node_is_started_once_and_left_alone(plan: PlanMaker) -> None:
    """The second call finds it as planned; files are private; it has a session of its own."""
    substrate = LocalProcesses()

    first = substrate.ensure(plan())
    second = substrate.ensure(plan())

    assert first == second == Observation(NodeStatus.RUNNING, ConfigStatus.AS_DECLARED, first.pid)
    assert first.pid is not None
    assert os.getsid(first.pid) == first.pid
    files = NodeFiles(plan().directory)
    assert stat.S_IMODE(files.config.stat().st_mode) == 0o600
    assert stat.S_IMODE(files.directory.stat().st_mode) == 0o700
    assert "starting" in files.log.read_text()


def test_changed_settings_restart_the_node(plan: PlanMaker) -> None:
    """A new plan ends the old process before the new one starts."""
    substrate = LocalProcesses()
    old = substrate.ensure(plan())

    new = substrate.ensure(plan(colour="red"))

    assert new.pid != old.pid
    assert "colour" in NodeFiles(plan().directory).config.read_text()


def test_a_killed_node_is_seen_dead_and_healed(plan: PlanMaker) -> None:
    """Its settings are as declared; only the process is missing."""
    substrate = LocalProcesses()
    started = substrate.ensure(plan())
    assert started.pid is not None
    process = psutil.Process(started.pid)
    process.kill()
    process.wait(timeout=5)

    seen = substrate.observe(plan())
    healed = substrate.ensure(plan())

    assert seen == Observation(NodeStatus.DEAD, ConfigStatus.AS_DECLARED, None)
    assert healed.status is NodeStatus.RUNNING


def test_a_zombie_is_dead() -> None:
    """A process that has ended but was never reaped runs no more, whatever `kill -0` says."""
    with subprocess.Popen(["sleep", "60"]) as process:
        identity = identify(process.pid)
        assert identity is not None
        assert living_process(identity) is not None
        os.kill(process.pid, signal.SIGKILL)
        wait_until(
            lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE,
            timeout_s=5,
            what="the kill",
        )

        assert living_process(identity) is None
        os.kill(process.pid, 0)


def test_settings_changed_by_hand_are_noticed_and_put_right(plan: PlanMaker) -> None:
    """The file differs from what was declared until `ensure` has written it again."""
    substrate = LocalProcesses()
    substrate.ensure(plan())
    config = NodeFiles(plan().directory).config
    config.write_text(config.read_text() + "# by hand\n")

    seen = substrate.observe(plan())
    config.unlink()
    lost = substrate.observe(plan())
    mended = substrate.ensure(plan())

    assert (seen.status, seen.config) == (NodeStatus.RUNNING, ConfigStatus.CHANGED_BY_HAND)
    assert lost.config is ConfigStatus.MISSING
    assert mended.config is ConfigStatus.AS_DECLARED


def test_a_node_whose_record_is_lost_is_found_again(plan: PlanMaker) -> None:
    """A start that was cut off before it was recorded leaves no second node."""
    substrate = LocalProcesses()
    started = substrate.ensure(plan())
    NodeFiles(plan().directory).record.unlink()

    seen = substrate.observe(plan())
    taken_over = substrate.ensure(plan())

    assert seen == Observation(NodeStatus.RUNNING, ConfigStatus.NOT_LOADED, started.pid)
    # What it has read is unknown, so it is started anew.
    assert taken_over.pid != started.pid
    assert taken_over.config is ConfigStatus.AS_DECLARED


def test_a_reused_pid_is_not_the_node(plan: PlanMaker) -> None:
    """A record whose pid belongs to another process by now names no node, and harms nobody."""
    substrate = LocalProcesses()
    substrate.ensure(plan())
    substrate.remove(plan().directory, plan().directory / "data", delete_data=False)
    with subprocess.Popen(["sleep", "60"]) as bystander:
        record = {
            "format_version": 1,
            "pid": bystander.pid,
            "started_at": psutil.Process(bystander.pid).create_time() - 100,
            "command": list(plan().command),
            "config_digest": "0",
        }
        NodeFiles(plan().directory).record.write_text(json.dumps(record))

        substrate.ensure(plan())

        assert bystander.poll() is None
        bystander.kill()


def test_a_failed_start_tells_exit_code_and_last_lines(plan: PlanMaker) -> None:
    """Only lines of this start are told, not those of an earlier one."""
    substrate = LocalProcesses()
    substrate.ensure(plan())

    with pytest.raises(NodeStartFailed) as failed:
        substrate.ensure(plan(fail=True))

    assert failed.value.exit_code == 2
    assert failed.value.log_tail == ("starting", "stand_in.fail: must be false")
    assert "exit code 2" in str(failed.value)


def test_a_node_that_never_gets_ready_is_ended(plan: PlanMaker) -> None:
    """After the time-out nothing is left running."""
    substrate = LocalProcesses()
    impatient = replace(plan(silent=True), start_timeout_s=1.5)

    with pytest.raises(NodeStartFailed, match=r"not ready within 1\.5 s"):
        substrate.ensure(impatient)

    assert substrate.observe(impatient).status is NodeStatus.DEAD


def test_a_stubborn_node_is_killed(plan: PlanMaker) -> None:
    """A node that ignores SIGTERM is killed when its time to drain is over."""
    substrate = LocalProcesses()
    started = substrate.ensure(plan(stubborn=True))
    assert started.pid is not None
    identity = identify(started.pid)
    assert identity is not None

    substrate.remove(plan().directory, plan().directory / "data", delete_data=False)

    assert living_process(identity) is None


def test_a_taken_port_names_its_holder(plan: PlanMaker) -> None:
    """The node isn't started; the error says who listens there."""
    settings = plan().settings
    with (
        socket.create_server((LOOPBACK, settings.port)),
        pytest.raises(PortInUse, match=f"process {os.getpid()}") as refused,
    ):
        LocalProcesses().ensure(plan())

    assert refused.value.port == settings.port


def test_a_missing_executable_is_named(plan: PlanMaker) -> None:
    """A server that isn't installed is an error that says which."""
    with pytest.raises(SubstrateError, match="can't run /no/such/rucket"):
        LocalProcesses().ensure(replace(plan(), command=("/no/such/rucket",)))


@pytest.mark.parametrize("delete_data", [True, False], ids=["delete", "keep"])
def test_removal_does_with_the_data_as_told(plan: PlanMaker, *, delete_data: bool) -> None:
    """Kept data keeps the settings that open it; deleted data leaves nothing."""
    substrate = LocalProcesses()
    substrate.ensure(plan())
    data = plan().directory / "data"
    data.mkdir()

    substrate.remove(plan().directory, data, delete_data=delete_data)

    assert data.exists() is not delete_data
    assert NodeFiles(plan().directory).config.exists() is not delete_data
    assert substrate.observe(plan()).pid is None


def test_data_that_holds_more_than_a_node_is_not_deleted(plan: PlanMaker) -> None:
    """A device path that is a parent of everything is refused, not emptied."""
    substrate = LocalProcesses()
    substrate.ensure(plan())

    with pytest.raises(SubstrateError, match="holds more than a node's data"):
        substrate.remove(plan().directory, plan().directory.parent, delete_data=True)

    assert plan().directory.exists()


def test_a_long_log_is_put_aside_at_the_next_start(plan: PlanMaker) -> None:
    """Two files bound what logs take."""
    substrate = LocalProcesses()
    substrate.ensure(plan())
    log = NodeFiles(plan().directory).log
    with log.open("ab") as file:
        file.truncate(20 * 1024 * 1024)

    substrate.ensure(plan(colour="red"))

    assert log.stat().st_size < 1024
    assert log.with_name("node.log.1").stat().st_size == 20 * 1024 * 1024
