"""A run: Locust's master in this process, workers in processes of their own.

Locust patches the standard library for its greenlets when it is imported; so this module is
imported only by a command that runs one, before it opens any connection.
"""

from __future__ import annotations

import math
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gevent
from locust import LoadTestShape
from locust.env import Environment

from loadtests.errors import LoadTestError
from loadtests.plan import Plan
from loadtests.recording import Recording
from loadtests.shapes import REPORT_LAG_S
from loadtests.users import PROFILES
from loadtests.work import MESSAGE_KEY
from rucket_platform.substrates.ports import find_free

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from locust.runners import MasterRunner

    from loadtests.shapes import Shape
    from rucket_platform.targets.target import Target

_HOST = "127.0.0.1"
_WORKER_START_TIMEOUT_S = 60.0
_SPAWN_PER_S = 100
_POLL_S = 0.2
_LOOK_BACK_S = 3
_STOP_TIMEOUT_S = 30


@dataclass(slots=True)
class Swarm:
    """What came of a run."""

    recording: Recording
    users: list[tuple[float, int]]
    duration_s: float


def run_swarm(
    target: Target,
    *,
    bucket: str,
    profile: str,
    shape: Shape,
    worker_count: int,
    show: Callable[[str], None],
) -> Swarm:
    """Run users of a profile in the course of a shape; ends when the shape is over.

    Raises:
        LoadTestError: Workers don't start, or one ends while it is needed.
    """
    (port,) = find_free(_HOST, 1)
    environment = Environment(user_classes=[PROFILES[profile]], stop_timeout=_STOP_TIMEOUT_S)
    recording = Recording()

    @environment.events.worker_report.add_listener  # type: ignore[untyped-decorator]
    def hear(client_id: str, data: dict[str, Any]) -> None:
        del client_id
        if MESSAGE_KEY in data:
            recording.add(Recording.from_plain(data[MESSAGE_KEY]))

    runner = environment.create_master_runner(_HOST, port)
    account = target.accounts[0]
    plan = Plan(
        profile=profile,
        endpoints=target.endpoints,
        s3_region=target.s3_region,
        bucket=bucket,
        master_port=port,
        started_at_s=time.time(),
        access_key_id=account.access_key_id,
        secret_access_key=account.secret_access_key,
    )
    with _workers(plan, worker_count) as workers:
        _wait_for(runner, workers, worker_count)
        run = _Course(runner, environment, shape, recording, workers)
        try:
            return run.carry_out(plan.started_at_s, show)
        finally:
            runner.quit()


class _Course:
    """Follows a shape."""

    def __init__(
        self,
        runner: MasterRunner,
        environment: Environment,
        shape: Shape,
        recording: Recording,
        workers: list[subprocess.Popen[bytes]],
    ) -> None:
        self._runner = runner
        self._environment = environment
        self._shape = shape
        self._recording = recording
        self._workers = workers

    def carry_out(self, started_at_s: float, show: Callable[[str], None]) -> Swarm:
        start_s = time.monotonic()
        # Workers count seconds from the plan; ours begin when the first user does.
        offset_s = time.time() - started_at_s
        adaptor = _Adaptor(self._shape, start_s)
        self._environment.shape_class = adaptor
        adaptor.runner = self._runner
        self._runner.start_shape()
        users: list[tuple[float, int]] = []

        def throughput(first_s: int, last_s: int) -> float:
            found = self._recording.totals(offset_s + first_s, offset_s + last_s)
            return sum(one.latency.count for one in found.values()) / (last_s - first_s)

        while not adaptor.is_over:
            gevent.sleep(_POLL_S)
            self._check_workers()
            run_time_s = time.monotonic() - start_s
            users.append((round(run_time_s, 1), self._runner.user_count))
            until_s = math.floor(run_time_s - REPORT_LAG_S)
            lately = throughput(until_s - _LOOK_BACK_S, until_s)
            errors = self._recording.error_count
            self._shape.observe(throughput)
            show(f"{self._runner.user_count} users, {lately:,.0f}/s, {errors} errors")
        duration_s = time.monotonic() - start_s
        self._runner.stop()
        gevent.sleep(2 * _POLL_S)
        return Swarm(_shifted(self._recording, offset_s), users, duration_s)

    def _check_workers(self) -> None:
        for worker in self._workers:
            if worker.poll() is not None:
                raise LoadTestError(
                    f"a worker ended with {worker.returncode} in the middle of the run"
                )


class _Adaptor(LoadTestShape):
    """Our shape in Locust's form."""

    def __init__(self, shape: Shape, start_s: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._shape = shape
        self._start_s = start_s
        self.is_over = False

    def tick(self) -> tuple[int, float] | None:
        users = self._shape.users_at(time.monotonic() - self._start_s)
        if users is None:
            self.is_over = True
            return None
        return users, _SPAWN_PER_S


def _shifted(recording: Recording, offset_s: float) -> Recording:
    """Seconds counted from the first user on."""
    shift = int(offset_s)
    return Recording(
        {second - shift: found for second, found in recording.by_second.items()},
        recording.wrong_bytes,
    )


@contextmanager
def _workers(plan: Plan, count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    workers: list[subprocess.Popen[bytes]] = []
    try:
        for number in range(count):
            worker = subprocess.Popen(
                [sys.executable, "-m", "loadtests.worker", str(number)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=None,
                # Ctrl-C is the master's matter: it tells the workers.
                start_new_session=True,
            )
            workers.append(worker)
            assert worker.stdin is not None
            worker.stdin.write(plan.to_json().encode())
            worker.stdin.close()
        yield workers
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            try:
                worker.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()


def _wait_for(
    runner: MasterRunner, workers: list[subprocess.Popen[bytes]], worker_count: int
) -> None:
    deadline_s = time.monotonic() + _WORKER_START_TIMEOUT_S
    while len(runner.clients.ready) < worker_count:
        if any(worker.poll() is not None for worker in workers):
            raise LoadTestError("a worker ended before it began")
        if time.monotonic() > deadline_s:
            raise LoadTestError(f"workers did not start within {_WORKER_START_TIMEOUT_S:.0f} s")
        gevent.sleep(_POLL_S)
