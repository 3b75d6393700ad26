"""A backup of a running server, while clients write, overwrite and delete."""

from __future__ import annotations

import hashlib
import random
import shutil
import subprocess
import threading
import time
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from tests.server_process import ALICE, RucketProcess, rucket_command
from tests.toml_text import Toml, to_toml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mypy_boto3_s3 import S3Client


KEYS = 30


def _client(server: RucketProcess) -> S3Client:
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name=server.region,
        aws_access_key_id=ALICE.access_key,
        aws_secret_access_key=ALICE.secret_key,
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )


def _rucket(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*rucket_command(), *arguments], capture_output=True, text=True, check=False
    )


class _Writer(threading.Thread):
    """Overwrites and deletes, so that there is garbage all the time."""

    def __init__(self, client: S3Client, seed: int) -> None:
        super().__init__()
        self._client = client
        self._random = random.Random(seed)
        self.is_ended = threading.Event()
        self.count = 0

    def run(self) -> None:
        """Until it is ended."""
        while not self.is_ended.is_set():
            key = f"key-{self._random.randrange(KEYS)}"
            if self._random.random() < 0.2:
                self._client.delete_object(Bucket="bucket", Key=key)
            else:
                body = self._random.randbytes(self._random.choice((100, 40_000, 200_000)))
                self._client.put_object(Bucket="bucket", Key=key, Body=body)
            self.count += 1


def _read_all(client: S3Client) -> int:
    """Reads every object, and compares it with its ETag."""
    listed = client.list_objects_v2(Bucket="bucket").get("Contents", [])
    for entry in listed:
        body = client.get_object(Bucket="bucket", Key=entry["Key"])["Body"].read()
        assert f'"{hashlib.md5(body).hexdigest()}"' == entry["ETag"]
        assert len(body) == entry["Size"]
    return len(listed)


def test_a_backup_of_a_running_server_is_whole(tmp_path: Path) -> None:
    """Twice, and once killed in between: what is restored reads as it was, every byte."""
    target, restored = tmp_path / "backup", tmp_path / "restored/data"
    with RucketProcess(tmp_path / "server") as server:
        client = _client(server)
        client.create_bucket(Bucket="bucket")
        writer = _Writer(client, 1)
        writer.start()
        try:
            data_dir = str(server.data_dir)
            first = _rucket("backup", "-d", data_dir, str(target))
            assert first.returncode == 0, first.stderr
            with subprocess.Popen(
                [*rucket_command(), "backup", "-d", data_dir, str(target)]
            ) as cut:
                time.sleep(0.4)  # somewhere in the middle, or before, or behind: all have to do
                cut.kill()
            assert _rucket("verify", "-d", str(target)).returncode == 0
            second = _rucket("backup", "-d", data_dir, str(target))
            assert second.returncode == 0, second.stderr
        finally:
            writer.is_ended.set()
            writer.join()
        assert writer.count > 10
        assert _rucket("verify", "-d", str(target)).returncode == 0
        done = _rucket("restore", str(target), "-d", str(restored))
        assert done.returncode == 0, done.stderr
        assert _rucket("verify", "-d", str(restored)).returncode == 0
        _read_all(client)

    with RucketProcess(tmp_path / "restored") as again:
        assert _read_all(_client(again)) > 0
        _client(again).put_object(Bucket="bucket", Key="new", Body=b"x")


def test_blobs_return_to_the_devices_that_they_were_on(tmp_path: Path) -> None:
    """Where the configuration still names these; the rest is in the data directory."""
    paths = {name: tmp_path / name for name in ("one", "two", "three", "four")}
    bodies = {f"key-{number}": bytes([number]) * (20_000 << number % 8) for number in range(48)}
    target = tmp_path / "backup"
    with RucketProcess(tmp_path / "old", _on_devices(paths, "one", "two", "three")) as server:
        client = _client(server)
        client.create_bucket(Bucket="bucket")
        for key, body in bodies.items():
            client.put_object(Bucket="bucket", Key=key, Body=body)
        server.stop()
        made = _rucket("backup", "-d", str(server.data_dir), str(target))
    new = RucketProcess(tmp_path / "new", _on_devices(paths, "one", "two", "four"))
    new.config_path.write_text(to_toml(new.config))
    refused = _rucket("restore", str(target), "-c", str(new.config_path))
    for path in (paths["one"], paths["two"], new.data_dir):
        shutil.rmtree(path, ignore_errors=True)

    restored = _rucket("restore", str(target), "-c", str(new.config_path))
    with new:
        client = _client(new)
        client.put_object(Bucket="bucket", Key="new", Body=b"n" * 100_000)
        read = {key: client.get_object(Bucket="bucket", Key=key)["Body"].read() for key in bodies}
        new.stop()
        verified = _rucket("verify", "-d", str(new.data_dir))

    assert made.returncode == 0, made.stderr
    assert "isn't empty" in refused.stderr
    assert restored.returncode == 0, restored.stderr
    assert read == bodies
    assert verified.returncode == 0, verified.stdout
    assert len(list((paths["one"] / "files").glob("*/*"))) > 3
    assert len(list((paths["two"] / "files").glob("*/*"))) > 3
    assert len(list((new.data_dir / "blobs/foreign").glob("*/*/*"))) > 3


def _on_devices(paths: Mapping[str, Path], *names: str) -> dict[str, Toml]:
    return {"storage": {"devices": [{"path": str(paths[name])} for name in names]}}
