"""kill -9, again and again, with writes in flight: nothing acknowledged is lost, nothing is torn.

`RUCKET_CRASH_CYCLES` says how often; `RUCKET_CRASH_SEED` repeats a choice of victims.
"""

from __future__ import annotations

import os
import random
import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.crash.workload import BUCKET, Writer, connect
from tests.server_process import ALICE, RucketProcess

if TYPE_CHECKING:
    from pathlib import Path

_WRITER_COUNT = 4
_ROLES = ("group", "node", "gateway", "maintenance")
_WEIGHTS = (4, 3, 2, 1)
_SECONDS_OF_WORK = (0.3, 1.2)


@pytest.mark.crash
@pytest.mark.timeout(7200)
def test_nothing_acknowledged_is_lost_whatever_is_killed(tmp_path: Path) -> None:
    """The whole server, its node, a gateway or maintenance, at random."""
    cycles = int(os.environ.get("RUCKET_CRASH_CYCLES", "12"))
    seed = int(os.environ.get("RUCKET_CRASH_SEED", "0")) or time.time_ns()
    print(f"\nRUCKET_CRASH_SEED={seed}, {cycles} cycles")
    choose = random.Random(seed)
    server = RucketProcess(tmp_path, {"logging": {"log_requests": False}})
    server.start()
    connect(server.endpoint, ALICE).create_bucket(Bucket=BUCKET)
    writers = [Writer(n, seed, server.endpoint, ALICE) for n in range(_WRITER_COUNT)]
    killed = dict.fromkeys(_ROLES, 0)
    try:
        for cycle in range(cycles):
            role = choose.choices(_ROLES, _WEIGHTS)[0]
            killed[role] += 1
            writers = _work_and_kill(server, writers, role, choose.uniform(*_SECONDS_OF_WORK))
            _check(server, writers)
            if cycle % 10 == 9:
                print(
                    f"{cycle + 1} cycles, {sum(w.acknowledged_count for w in writers)} acknowledged"
                )
    finally:
        server.kill()
    acknowledged = sum(writer.acknowledged_count for writer in writers)
    print(f"{cycles} cycles {killed}, {acknowledged} operations acknowledged, none lost")

    assert acknowledged > cycles


def _work_and_kill(
    server: RucketProcess, writers: list[Writer], role: str, seconds: float
) -> list[Writer]:
    """Lets the clients work, kills in the middle of it, and has the server up again."""
    writers = [_resumed(writer) for writer in writers]
    time.sleep(seconds)  # the moment of the kill is meant to be arbitrary
    if role == "group":
        server.kill()
        server.start()
    else:
        os.kill(random.Random(seconds).choice(server.pids(role)), signal.SIGKILL)
        time.sleep(seconds)
    for writer in writers:
        writer.stop()
    for writer in writers:
        writer.join(60)
        assert not writer.is_alive()
    server.wait_ready()
    return writers


def _resumed(writer: Writer) -> Writer:
    """A thread runs once; its successor knows what it knew."""
    successor = writer.successor()
    successor.start()
    return successor


def _check(server: RucketProcess, writers: list[Writer]) -> None:
    """Every key holds something admissible, and a listing agrees with the reads."""
    there = {
        history.key: len(body)
        for writer in writers
        for history in writer.histories
        if (body := writer.check(history)) is not None
    }
    pages = connect(server.endpoint, ALICE).get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    listed = {item["Key"]: item["Size"] for page in pages for item in page.get("Contents", [])}

    assert [v for writer in writers for v in writer.violations] == []
    assert listed == there
