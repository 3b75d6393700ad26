"""What a Rucket's processes take in memory: `python -m loadtests.bench.memory`.

Fills a Rucket of its own with small objects, waits until its processes are idle, and adds up their
PSS (pages that several share count once). Then it opens many connections: silent ones, and ones
that have asked for something and stay open.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import psutil

from loadtests.bench.endpoints import Endpoint, EndpointError
from loadtests.bench.http_load import LoadError
from loadtests.bench.listing_workloads import put_listed
from loadtests.bench.machine import commit
from loadtests.bench.processes import ProcessTree, own_rucket
from loadtests.bench.store import Store

MIB = 1024 * 1024
IDLE_CPU_SHARE = 0.05
IDLE_LOOK_S = 2.0
IDLE_TIMEOUT_S = 300.0
OPEN_TIMEOUT_S = 30.0
PSS_MIB_MAX = 400.0
FAILED = 1
TOO_MUCH = 3


@dataclass(frozen=True, slots=True)
class Memory:
    """PSS of all processes together, in bytes, at each stage."""

    object_count: int
    empty: int
    filled: int
    connection_count: int
    with_connections: int
    after_connections: int

    @property
    def per_connection(self) -> float:
        """What an idle connection takes."""
        return (self.with_connections - self.filled) / self.connection_count

    def lines(self) -> list[str]:
        """The figures for people."""
        with_connections = self.with_connections / MIB
        return [
            f"{'empty':<28}{self.empty / MIB:8.1f} MiB",
            f"{f'{self.object_count:,} objects, idle':<28}{self.filled / MIB:8.1f} MiB",
            f"{f'{self.connection_count:,} idle connections':<28}{with_connections:8.1f} MiB",
            f"{'each of them':<28}{self.per_connection / 1024:8.1f} KiB",
            f"{'after them':<28}{self.after_connections / MIB:8.1f} MiB",
        ]


def measure_memory(
    endpoint: Endpoint,
    pid: int,
    object_count: int,
    connection_count: int,
    say: Callable[[str], None],
) -> Memory:
    """Fill, wait, measure; then connections.

    Raises:
        EndpointError, LoadError: The store is not there or answers otherwise than expected.
    """
    processes = ProcessTree(pid)
    store = Store(endpoint)
    store.open()
    wait_idle(processes)
    empty = processes.pss_bytes()
    say(f"putting {object_count:,} objects")
    put_listed(store, object_count)
    say("waiting until all is idle")
    wait_idle(processes)
    filled = processes.pss_bytes()
    with ExitStack() as stack:
        say(f"opening {connection_count:,} connections")
        for _ in range(connection_count):
            _open_connection(endpoint, stack)
        with_connections = processes.pss_bytes()
    wait_idle(processes)
    return Memory(
        object_count=object_count,
        empty=empty,
        filled=filled,
        connection_count=connection_count,
        with_connections=with_connections,
        after_connections=processes.pss_bytes(),
    )


def wait_idle(processes: ProcessTree) -> None:
    """Return when the processes take hardly any CPU time.

    Raises:
        EndpointError: They go on and on.
    """
    until = time.monotonic() + IDLE_TIMEOUT_S
    while time.monotonic() < until:
        before = processes.cpu_s()
        time.sleep(IDLE_LOOK_S)
        if processes.cpu_s() - before < IDLE_CPU_SHARE * IDLE_LOOK_S:
            return
    raise EndpointError(f"the server was not idle within {IDLE_TIMEOUT_S} s")


def _open_connection(endpoint: Endpoint, stack: ExitStack) -> None:
    """A connection that has served a request and is kept."""
    connection = HTTPConnection(endpoint.host, endpoint.port, timeout=OPEN_TIMEOUT_S)
    stack.callback(connection.close)
    try:
        connection.request("GET", "/minio/health/live")
        answer = connection.getresponse()
        answer.read()
    except OSError as error:
        raise LoadError(f"{endpoint.name}: a connection failed: {error}") from error
    if answer.status != 200:
        raise LoadError(f"{endpoint.name}: health is answered with {answer.status}")


def main(arguments: Sequence[str]) -> int:
    """Measure, print, and return 3 if it is too much."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench.memory", description=__doc__)
    parser.add_argument("--objects", type=int, default=1_000_000, help="a multiple of 1000")
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--data-dir", type=Path, help="where the Rucket stores")
    parser.add_argument("--max-mib", type=float, default=PSS_MIB_MAX)
    options = parser.parse_args(arguments)
    soft_limit, hard_limit = psutil.Process().rlimit(psutil.RLIMIT_NOFILE)
    if soft_limit < options.connections + 100:
        psutil.Process().rlimit(psutil.RLIMIT_NOFILE, (hard_limit, hard_limit))
    try:
        with own_rucket(options.data_dir) as (endpoint, pid):
            memory = measure_memory(
                endpoint,
                pid,
                options.objects,
                options.connections,
                lambda text: print(text, file=sys.stderr),  # noqa: T201 -- a command's progress
            )
    except (EndpointError, LoadError) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return FAILED
    print("\n".join([f"commit {commit()}", *memory.lines()]))  # noqa: T201
    return TOO_MUCH if memory.filled > options.max_mib * MIB else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
