"""Makes a stack usable again after an engine was killed in the middle of its work.

The file backend's lock names the process that holds it. Only a lock whose holder is dead is
broken. Operations that the dead engine had begun are dropped from the state: repeating them is
safe, because every resource takes over what an earlier attempt left.
"""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil
from pulumi import automation

from rucket_platform.errors import StackError

if TYPE_CHECKING:
    from pathlib import Path

    from rucket_platform.stacks.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock of the file backend."""

    path: Path
    pid: int
    hostname: str
    timestamp: str


def locks(workspace: Workspace) -> list[Lock]:
    """Read the locks of the stack."""
    found: list[Lock] = []
    for path in workspace.locks.glob("*.json"):
        try:
            body = json.loads(path.read_text(encoding="utf-8"))
            found.append(
                Lock(path, int(body["pid"]), str(body["hostname"]), str(body["timestamp"]))
            )
        except (FileNotFoundError, ValueError, KeyError):
            # Released meanwhile, or cut off while it was written: the latter is as good as dead.
            found.append(Lock(path, 0, socket.gethostname(), "an unknown time"))
    return [lock for lock in found if lock.path.exists()]


def break_stale_locks(workspace: Workspace) -> bool:
    """Remove locks whose holder is dead; True if there were any.

    Raises:
        StackError: Somebody is at work on the stack.
    """
    stale = locks(workspace)
    for lock in stale:
        if lock.hostname != socket.gethostname():
            raise StackError(
                f"stack {workspace.stack} was locked on host {lock.hostname} at {lock.timestamp}. "
                f"If nobody works on it there, remove {lock.path}"
            )
        if _is_engine(lock.pid):
            raise StackError(
                f"stack {workspace.stack} is being worked on by process {lock.pid} since "
                f"{lock.timestamp}; wait for it, or end it (kill {lock.pid}) and try again"
            )
    for lock in stale:
        lock.path.unlink(missing_ok=True)
    return bool(stale)


def drop_pending_operations(workspace: Workspace, stack: automation.Stack) -> int:
    """Forget operations that a dead engine had begun; return how many."""
    # Asking the engine takes a while, and nearly always there are none.
    if "pending_operations" not in workspace.checkpoint.read_text(encoding="utf-8"):
        return 0
    state = stack.export_stack()
    deployment = dict(state.deployment or {})
    pending = deployment.pop("pending_operations", None) or []
    if pending:
        stack.import_stack(automation.Deployment(version=state.version, deployment=deployment))
    return len(pending)


def _is_engine(pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and process.name().startswith("pulumi")
    except psutil.NoSuchProcess:
        return False
