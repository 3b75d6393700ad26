"""A worker: a process full of users, `python -m loadtests.worker NUMBER`, its plan on stdin."""

from __future__ import annotations

import sys
import time
from typing import Any

import gevent
from locust import runners
from locust.env import Environment

from loadtests.client import S3Error
from loadtests.plan import Plan
from loadtests.shapes import REPORT_LAG_S
from loadtests.users import PROFILES, S3User, WrongBytesError
from loadtests.work import MESSAGE_KEY, WRONG_BYTES, Work


def main() -> None:
    """Run users until the master says that it is enough, or is gone."""
    plan = Plan.from_json(sys.stdin.read())
    number = int(sys.argv[1])
    work = Work(plan.connection(number), plan.bucket, plan.started_at_s)
    S3User.work = work
    environment = Environment(user_classes=[PROFILES[plan.profile]])

    @environment.events.request.add_listener  # type: ignore[untyped-decorator]
    def note(
        name: str,
        response_time: float,
        response_length: int,
        exception: Exception | None,
        **_: object,
    ) -> None:
        second = int(time.time() - work.started_at_s)
        work.recording.note(second, name, response_time, response_length, _error_code(exception))

    @environment.events.report_to_master.add_listener  # type: ignore[untyped-decorator]
    def report(client_id: str, data: dict[str, Any]) -> None:
        del client_id
        data[MESSAGE_KEY] = work.take_recording().to_plain()

    # The search for a knee waits for what workers tell; three seconds are too late for it.
    runners.WORKER_REPORT_INTERVAL = REPORT_LAG_S / 2
    runner = environment.create_worker_runner("127.0.0.1", plan.master_port)
    runner.greenlet.join()


def _error_code(exception: Exception | None) -> str:
    if exception is None:
        return ""
    if isinstance(exception, S3Error):
        return exception.code
    return WRONG_BYTES if isinstance(exception, WrongBytesError) else type(exception).__name__


if __name__ == "__main__":
    gevent.signal_handler(15, sys.exit, 0)
    main()
