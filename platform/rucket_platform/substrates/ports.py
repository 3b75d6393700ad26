"""Finds out whether a port is free and, if not, who holds it."""

from __future__ import annotations

import random
import socket

import psutil

from rucket_platform.errors import PortInUse, SubstrateError, WaitTimeout
from rucket_platform.wait import wait_until

# Below the ports that outgoing connections are given: one of them could take a port between our
# asking and the server's.
_OFFERED = range(18_000, 32_000)
_PATIENCE_S = 3.0


def is_free(address: str, port: int) -> bool:
    """Tell whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # Servers set this too: connections of a dead server in TIME_WAIT don't count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            # Without listening, a port shared by SO_REUSEPORT would still look free.
            probe.listen(1)
        except OSError:
            return False
    return True


def find_free(address: str, count: int) -> tuple[int, ...]:
    """Ports that are free now, for servers that are about to start.

    Raises:
        SubstrateError: There are not so many.
    """
    found: list[int] = []
    for port in random.sample(_OFFERED, len(_OFFERED)):
        if is_free(address, port):
            found.append(port)
            if len(found) == count:
                return tuple(found)
    raise SubstrateError(f"{address} has no {count} free ports in {_OFFERED}")


def require_free(address: str, *ports: int) -> None:
    """Make sure that a server can listen on each of `ports`.

    Raises:
        PortInUse: Somebody else does, and keeps doing so.
    """
    for port in ports:
        try:
            # The children of a node that was killed hold its ports a moment longer.
            wait_until(
                lambda port=port: is_free(address, port),  # type: ignore[misc]
                timeout_s=_PATIENCE_S,
                what=f"port {port}",
            )
        except WaitTimeout:
            raise PortInUse(address, port, describe_holder(port)) from None


def describe_holder(port: int) -> str:
    """Name the process that listens on `port`, as far as this user may know."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return "a process of another user"
    for connection in connections:
        if (
            connection.status == psutil.CONN_LISTEN
            and connection.laddr
            and connection.laddr[1] == port
        ):
            return _describe(connection.pid)
    return "a process that is just ending"


def _describe(pid: int | None) -> str:
    if pid is None:
        return "a process of another user"
    try:
        command = " ".join(psutil.Process(pid).cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return f"process {pid}"
    return f"process {pid} ({command[:120]})"
