"""A server's processes: killed or stopped, all of them or those of one role.

Roles are Rucket's own, read from command lines; a server of another make has only "group".
"""

from __future__ import annotations

import random
import signal
from enum import StrEnum

import psutil

from rucket_platform.errors import FaultError, WaitTimeout
from rucket_platform.wait import wait_until

_END_TIMEOUT_S = 10.0


class Role(StrEnum):
    """Which processes."""

    GROUP = "group"
    NODE = "node"
    GATEWAY = "gateway"
    MAINTENANCE = "maintenance"


def kill_group(pid: int) -> None:
    """End a process and all that descend from it, at once, with no chance to say a word.

    On return all have ended: who starts the server again must not take one that is still going
    for one that is there.

    Raises:
        FaultError: It isn't there, or doesn't end.
    """
    family = _family(pid)
    for process in family:
        _send(process, signal.SIGKILL)
    try:
        wait_until(
            lambda: not any(map(_is_alive, family)),
            timeout_s=_END_TIMEOUT_S,
            what="the killed processes to end",
        )
    except WaitTimeout as error:
        raise FaultError(str(error)) from error


def members(pid: int, role: Role) -> list[psutil.Process]:
    """The processes of a role under the supervisor `pid`, oldest first.

    Raises:
        FaultError: The supervisor isn't there.
    """
    family = _family(pid)
    if role is Role.GROUP:
        return family
    return [process for process in family if f"rucket.daemon.{role}" in _command_line(process)]


def send_to_one(pid: int, role: Role, signal_number: signal.Signals) -> int:
    """Send a signal to one process of a role, drawn at random; says to which.

    Raises:
        FaultError: There is none.
    """
    found = members(pid, role)
    if not found:
        raise FaultError(f"the server with pid {pid} has no {role} process")
    chosen = random.choice(found)
    _send(chosen, signal_number)
    return chosen.pid


def _family(pid: int) -> list[psutil.Process]:
    try:
        supervisor = psutil.Process(pid)
        return [supervisor, *supervisor.children(recursive=True)]
    except psutil.NoSuchProcess as error:
        raise FaultError(f"there is no process {pid}: the server has ended by itself") from error


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _command_line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""


def _send(process: psutil.Process, signal_number: signal.Signals) -> None:
    try:
        process.send_signal(signal_number)
    except psutil.NoSuchProcess:
        return
