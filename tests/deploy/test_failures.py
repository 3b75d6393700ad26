"""What goes wrong, and what is said about it."""

import json
import os
import shutil
import socket
import subprocess
from pathlib import Path

import psutil
import pytest

from rucket_platform.wait import wait_until
from tests.deploy.project import LOOPBACK, STACK, Project, on_every_substrate, region


@on_every_substrate
def test_a_failed_start_reports_the_last_log_lines(project: Project) -> None:
    """A setting that the server refuses fails the `up` with the server's own words."""
    wrong = region("eu")
    wrong["settings"]["logging"] = {"no_such_key": True}
    project.declare({"regions": [wrong, region("us")]})

    failed = project.run("up", expect=1)

    assert "eu/eu-1 did not start: it ended with exit code 2" in failed.err
    assert "no_such_key" in failed.err
    assert not any("eu-1" in " ".join(one.cmdline()) for one in project.processes())


@on_every_substrate
def test_a_port_in_use_names_its_holder(project: Project) -> None:
    """A node whose port is taken is not started, and the holder is named."""
    eu = region("eu")
    project.declare({"regions": [eu]})
    with socket.create_server((LOOPBACK, eu["nodes"][0]["port"])):
        failed = project.run("up", expect=1)
    repeated = project.run("up")

    assert f"port {eu['nodes'][0]['port']} on 127.0.0.1 is in use by process" in failed.err
    assert f"{os.getpid()}" in failed.err
    assert "stack test is up" in repeated.out


@on_every_substrate
def test_an_interrupted_up_can_be_repeated(project: Project) -> None:
    """An engine killed while nodes start leaves a lock and nodes; the next `up` takes them over."""
    project.declare({"regions": [region("eu"), region("us")]})
    slow = {"RUCKET_SERVER": str(_slow_server(project))}
    with subprocess.Popen(
        project.command("up"),
        cwd=project.directory,
        env=project.environment(slow),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as interrupted:
        wait_until(
            lambda: project.is_started("eu", "eu-1") and project.is_started("us", "us-1"),
            timeout_s=60,
            what="both nodes to be started",
        )
        family = psutil.Process(interrupted.pid).children(recursive=True)
        for process in family:
            if process.name() == "pulumi":
                process.kill()
        assert interrupted.wait(timeout=60) == 1
    started = {project.pid("eu", "eu-1"), project.pid("us", "us-1")}

    repeated = project.run("up", extra=slow)
    again = project.run("up", extra=slow)

    assert "its lock is removed" in repeated.err
    assert "operations are begun again" in repeated.err
    assert "stack test is up" in repeated.out
    assert started == {project.pid("eu", "eu-1"), project.pid("us", "us-1")}
    assert "up already" in again.out


def test_a_stack_at_work_is_left_alone(project: Project, tmp_path: Path) -> None:
    """A lock whose holder is a living engine is respected; one of another process is stale."""
    project.declare({"regions": [region("eu")]})
    project.run("env")
    engine = tmp_path / "pulumi"
    shutil.copy(shutil.which("sleep") or "/bin/sleep", engine)

    with subprocess.Popen([engine, "60"]) as holder:
        _lock(project, holder.pid)
        respected = project.run("up", expect=1)
        holder.kill()
    _lock(project, os.getpid())
    broken = project.run("up")

    assert f"is being worked on by process {holder.pid}" in respected.err
    assert "its lock is removed" in broken.err


def test_a_wrong_passphrase_is_named(project: Project) -> None:
    """With another passphrase file the secrets can't be read, and that is what is said."""
    project.declare({"regions": [region("eu")]})
    project.run("up")
    passphrase = project.state / "pulumi" / "passphrase"
    right = passphrase.read_text()

    passphrase.write_text("another one\n")
    wrong = project.run("outputs", expect=1)
    passphrase.unlink()
    gone = project.run("up", expect=1)
    passphrase.write_text(right)

    assert "the passphrase does not open this stack's secrets" in wrong.err
    assert "passphrase is gone" in gone.err
    project.run("outputs")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("outputs", "has not been brought up yet"),
        ("status", "has not been brought up yet"),
        ("down", "has not been brought up yet"),
    ],
)
def test_commands_before_the_first_up_say_so(project: Project, name: str, said: str) -> None:
    """What needs a deployment says that there is none."""
    project.declare({"regions": [region("eu")]})

    assert said in project.run(name, expect=1).err


def test_a_wrong_topology_names_the_key(project: Project) -> None:
    """A stack file with a bad key fails before anything runs, in make and in plain pulumi."""
    wrong = region("eu")
    wrong["nodes"].append({**wrong["nodes"][0], "name": "eu-2"})
    project.declare({"regions": [wrong]})

    made = project.run("up", expect=1)
    typed = project.pulumi("preview", expect=1)

    for answer in (made, typed):
        assert "regions[0].nodes: 2 nodes declared" in answer.all
        assert "needs the cluster, which doesn't exist yet" in answer.all
        assert "Traceback" not in answer.all
    assert project.processes() == []


def _lock(project: Project, pid: int) -> None:
    locks = project.state / "pulumi/state/.pulumi/locks/organization/rucket" / STACK
    locks.mkdir(parents=True, exist_ok=True)
    body = {"pid": pid, "hostname": socket.gethostname(), "timestamp": "today"}
    (locks / "of-a-test.json").write_text(json.dumps(body))


def _slow_server(project: Project) -> Path:
    """A server that takes its time to start, to be interrupted meanwhile."""
    script = project.directory / "slow-server"
    script.write_text(f'#!/bin/sh\nsleep 2\nexec {project.environment()["RUCKET_SERVER"]} "$@"\n')
    script.chmod(0o755)
    return script
