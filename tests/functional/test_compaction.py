"""Segments of packed blobs are compacted by a real server while clients read and write."""

from __future__ import annotations

import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from tests.server_process import ALICE, RucketProcess

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

MIB = 1024 * 1024
WAIT_S = 120.0
CLIENT_COUNT = 4
KEYS_PER_CLIENT = 12
SLOWEST_S_MAX = 20.0
FREED_BYTES_WANTED = 6 * MIB
STORAGE = {"packed": {"segment_size_bytes": MIB, "compaction_max_bytes_per_s": 1 << 30}}


@dataclass
class Worker:
    """One client with keys of its own, so that it knows what each of them holds."""

    client: S3Client
    number: int
    held: dict[str, bytes] = field(default_factory=dict)
    slowest_s: float = 0.0
    count: int = 0

    def work_until(self, stop: threading.Event) -> None:
        """Overwrites, deletes and reads, and compares every byte."""
        while not stop.is_set():
            self.count += 1
            key = f"key-{self.number}-{self.count * 7 % KEYS_PER_CLIENT}"
            started = time.perf_counter()
            if self.count % 10 == 0 and key in self.held:
                self.client.delete_object(Bucket="bucket", Key=key)
                del self.held[key]
            else:
                size = 20_000 + self.count * 7919 % 200_000
                body = (f"{key}-{self.count}-".encode() * (size // 8))[:size]
                self.client.put_object(Bucket="bucket", Key=key, Body=body)
                self.held[key] = body
            self.slowest_s = max(self.slowest_s, time.perf_counter() - started)
            for other in list(self.held)[self.count % 3 :: 3]:
                self.check(self.client, other)

    def check(self, client: S3Client, key: str) -> None:
        """What is there is what was written last."""
        started = time.perf_counter()
        found = client.get_object(Bucket="bucket", Key=key)["Body"].read()
        self.slowest_s = max(self.slowest_s, time.perf_counter() - started)
        assert found == self.held[key], f"{key} isn't what was written"


def _client(server: RucketProcess) -> S3Client:
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name=server.region,
        aws_access_key_id=ALICE.access_key,
        aws_secret_access_key=ALICE.secret_key,
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )


def _metric(server: RucketProcess, name: str) -> float:
    with urllib.request.urlopen(server.metrics_url) as answer:
        text = answer.read().decode()
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))


def test_segments_are_compacted_while_clients_read_and_write(tmp_path: Path) -> None:
    """Room is given back and what is alive is moved; every byte that is read is right, nobody waits
    for long, and all is there after a restart.
    """
    with RucketProcess(tmp_path / "server", {"storage": STORAGE}) as server:
        _client(server).create_bucket(Bucket="bucket")
        workers = [Worker(_client(server), number) for number in range(CLIENT_COUNT)]
        stop = threading.Event()
        with ThreadPoolExecutor(CLIENT_COUNT) as pool:
            running = [pool.submit(worker.work_until, stop) for worker in workers]
            until = time.perf_counter() + WAIT_S
            try:
                while _metric(
                    server, "rucket_storage_packed_freed_bytes_total"
                ) < FREED_BYTES_WANTED or not _metric(
                    server, "rucket_storage_packed_compacted_bytes_total"
                ):
                    assert time.perf_counter() < until, "nothing was compacted in time"
                    assert not any(future.done() for future in running)
                    time.sleep(0.1)
            finally:
                stop.set()
            for future in running:
                future.result()

        server.stop()
        server.start()
        client = _client(server)
        for worker in workers:
            for key in worker.held:
                worker.check(client, key)
        assert max(worker.slowest_s for worker in workers) < SLOWEST_S_MAX
        listed = client.list_objects_v2(Bucket="bucket").get("Contents", [])
        assert [item["Key"] for item in listed] == sorted(
            key for worker in workers for key in worker.held
        )
