"""Faults on real processes and real disks."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from rucket_platform.errors import FaultError
from rucket_platform.faults.disks import can_mount, small_disk
from rucket_platform.faults.processes import Role, kill_group, members, send_to_one

FAMILY = """
import subprocess, sys
role = "rucket.daemon." + "node"  # whole in the child's command line only
child = subprocess.Popen([sys.executable, "-c", "input()", "-m", role],
                         stdin=subprocess.PIPE)
print(child.pid, flush=True)
child.wait()
"""


@pytest.fixture
def family() -> Iterator[subprocess.Popen[str]]:
    """A process with a child that looks like a node."""
    command = [sys.executable, "-c", FAMILY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process


def test_a_group_is_killed_with_its_children(family: subprocess.Popen[str]) -> None:
    """None is left to hold a port."""
    found = members(family.pid, Role.GROUP)
    assert len(found) == 2
    kill_group(family.pid)
    assert not any(
        process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in found
    )
    assert family.wait(10) == -signal.SIGKILL
    with pytest.raises(FaultError, match="there is no process"):
        members(family.pid, Role.GROUP)


def test_one_process_of_a_role_is_hit_and_no_other(family: subprocess.Popen[str]) -> None:
    """By its command line; a role that isn't there is told."""
    hit = send_to_one(family.pid, Role.NODE, signal.SIGKILL)
    assert hit != family.pid
    assert family.wait(10) == 0
    with pytest.raises(FaultError):
        send_to_one(family.pid, Role.NODE, signal.SIGKILL)


def test_a_role_that_is_not_there_is_told(family: subprocess.Popen[str]) -> None:
    """Nothing else is hit instead."""
    with pytest.raises(FaultError, match="no gateway"):
        send_to_one(family.pid, Role.GATEWAY, signal.SIGKILL)
    kill_group(family.pid)
    family.wait(10)


def test_a_small_disk_fills_and_has_room_again() -> None:
    """As root; for anybody else it is told that it can't be mounted."""
    if not can_mount():
        with pytest.raises(FaultError):
            small_disk(1024 * 1024).__enter__()
        return
    with small_disk(2 * 1024 * 1024) as disk:
        disk.fill()
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            _write(disk.directory / "one-more", 8192)
        disk.free()
        _write(disk.directory / "one-more", 8192)
    assert not disk.directory.exists()
    assert not os.path.ismount(disk.directory)


def _write(path: Path, size_bytes: int) -> None:
    with path.open("wb", buffering=0) as file:
        file.write(bytes(size_bytes))
