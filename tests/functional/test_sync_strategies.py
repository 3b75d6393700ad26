"""Strategies of syncing, as an operator meets them: a setting, a warning, metrics."""

from __future__ import annotations

import re
import urllib.request
from typing import TYPE_CHECKING

import pytest

from tests.crash.workload import connect
from tests.server_process import ALICE, RucketProcess

if TYPE_CHECKING:
    from pathlib import Path

    from tests.toml_text import Toml


@pytest.mark.parametrize("metadata", ["periodic", "threshold", "never"])
def test_a_killed_server_loses_nothing_under_any_strategy(tmp_path: Path, metadata: str) -> None:
    """What was answered is in the kernel, and no process takes it along."""
    sync: dict[str, Toml] = {"metadata": metadata, "period_ms": 3_600_000, "idle_ms": 3_600_000}
    with RucketProcess(tmp_path, {"storage": {"sync": sync}}) as server:
        client = connect(server.endpoint, ALICE)
        client.create_bucket(Bucket="bucket")
        for number in range(50):
            client.put_object(Bucket="bucket", Key=f"k{number}", Body=b"%d" % number)
        server.kill()
        server.start()

        listed = client.list_objects_v2(Bucket="bucket")["Contents"]

        assert len(listed) == 50
        assert f"storage.sync.metadata is {metadata}" in server.log_path.read_text()


@pytest.mark.parametrize("data", ["periodic", "threshold", "never"])
def test_blobs_that_are_synced_later_survive_kills_and_stops(tmp_path: Path, data: str) -> None:
    """The gateways say what may be lost; a kill takes nothing, a stop syncs."""
    sync: dict[str, Toml] = {"data": data, "threshold_operations": 7, "period_ms": 100}
    bodies = {f"k{number}": bytes([number]) * (5000 << (number % 10)) for number in range(40)}
    with RucketProcess(tmp_path, {"storage": {"sync": sync}}) as server:
        client = connect(server.endpoint, ALICE)
        client.create_bucket(Bucket="bucket")
        for number, (key, body) in enumerate(bodies.items()):
            client.put_object(Bucket="bucket", Key=key, Body=body)
            if number == 20:
                server.kill()
                server.start()
                client = connect(server.endpoint, ALICE)
        server.stop()
        server.start()
        client = connect(server.endpoint, ALICE)

        read = {key: client.get_object(Bucket="bucket", Key=key)["Body"].read() for key in bodies}

        assert read == bodies
        assert f"storage.sync.data is {data}" in server.log_path.read_text()


def test_metrics_tell_what_is_not_synced(tmp_path: Path) -> None:
    """An operator sees the window, and the log."""
    sync: dict[str, Toml] = {"metadata": "periodic", "period_ms": 3_600_000}
    with RucketProcess(tmp_path, {"storage": {"sync": sync}}) as server:
        client = connect(server.endpoint, ALICE)
        client.create_bucket(Bucket="bucket")

        text = urllib.request.urlopen(server.metrics_url).read().decode()

    figures = dict(re.findall(r"^(rucket_wal_\w+)(?:\{[^}]*\})? (\S+)$", text, re.MULTILINE))
    assert float(figures["rucket_wal_segments"]) == 1
    assert float(figures["rucket_wal_size_bytes"]) > 0
    assert "rucket_wal_pending_entries" in figures
    assert "rucket_wal_unsynced_entries" in figures
    assert "rucket_wal_unsynced_bytes" in figures
