"""A device without room, that can't be written, or that fails: what clients see, and how it ends.

The device is a small tmpfs, which needs root: CI runs these tests there.
"""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from tests.crash.workload import connect
from tests.server_process import ALICE, RucketProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

    from tests.toml_text import Toml

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")

_RECOVERY_ATTEMPT_COUNT = 300
_OBJECT_COUNT_MAX = 5000
_BALLAST_SIZE_BYTES = 6 * 1024 * 1024


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


@contextmanager
def _small_device(path: Path, size_mib: int) -> Iterator[Path]:
    path.mkdir()
    _mount("-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", str(path))
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


@contextmanager
def _server(tmp_path: Path, device: Path) -> Iterator[RucketProcess]:
    storage: dict[str, Toml] = {
        "data_dir": str(device / "data"),
        "wal": {"segment_size_bytes": 1024 * 1024},
    }
    with RucketProcess(tmp_path / "server", {"storage": storage}) as server:
        yield server


def _refusal(client: S3Client, key: str, body: bytes) -> ClientError | None:
    try:
        client.put_object(Bucket="bucket", Key=key, Body=body)
    except ClientError as error:
        return error
    return None


def _fill(client: S3Client, size_bytes: int) -> tuple[list[str], ClientError]:
    """Puts objects until one is refused; the keys of the others, and the refusal."""
    keys: list[str] = []
    for number in range(_OBJECT_COUNT_MAX):
        refusal = _refusal(client, f"k{number:05}", b"%05d" % number * (size_bytes // 5))
        if refusal is not None:
            return keys, refusal
        keys.append(f"k{number:05}")
    raise AssertionError("it never gets full")


def _becomes_writable(client: S3Client) -> None:
    for _ in range(_RECOVERY_ATTEMPT_COUNT):
        if _refusal(client, "afterwards", b"x") is None:
            return
        time.sleep(0.1)  # between attempts, as a client would
    raise AssertionError("writes don't resume")


def _check_all(client: S3Client, keys: list[str], size_bytes: int) -> None:
    for key in keys:
        body = client.get_object(Bucket="bucket", Key=key)["Body"].read()
        assert body == key[1:].encode() * (size_bytes // 5)


@pytest.mark.parametrize("size_bytes", [5000, 200_000], ids=["inline", "blobs"])
def test_a_full_device_refuses_writes_and_serves_reads(tmp_path: Path, size_bytes: int) -> None:
    """With 503 ServiceUnavailable, by processes that live on; when there is room again, writes
    resume by themselves, and nothing that was acknowledged is missing.
    """
    with _small_device(tmp_path / "device", 32) as device:
        (device / "ballast").write_bytes(bytes(_BALLAST_SIZE_BYTES))
        with _server(tmp_path, device) as server:
            client = connect(server.endpoint, ALICE)
            client.create_bucket(Bucket="bucket")
            node = server.pids("node")

            keys, _ = _fill(client, size_bytes)
            refusal = _refusal(client, "too much", bytes(size_bytes))

            assert refusal is not None
            status = refusal.response["ResponseMetadata"]["HTTPStatusCode"]
            assert (status, refusal.response["Error"]["Code"]) == (503, "ServiceUnavailable")
            assert "There is no room left" in refusal.response["Error"]["Message"]
            _check_all(client, keys[-50:], size_bytes)
            assert len(client.list_objects_v2(Bucket="bucket")["Contents"]) == min(1000, len(keys))
            assert server.pids("node") == node
            (device / "ballast").unlink()
            _becomes_writable(client)
            _check_all(client, keys, size_bytes)
            assert server.pids("node") == node


def test_a_server_that_was_killed_on_a_full_device_has_lost_nothing(tmp_path: Path) -> None:
    """It starts when there is room for a segment of the log."""
    with _small_device(tmp_path / "device", 32) as device:
        (device / "ballast").write_bytes(bytes(_BALLAST_SIZE_BYTES))
        with _server(tmp_path, device) as server:
            client = connect(server.endpoint, ALICE)
            client.create_bucket(Bucket="bucket")
            keys, _ = _fill(client, 5000)
            server.kill()
            (device / "ballast").unlink()
            server.start()

            _check_all(client, keys, 5000)
            _becomes_writable(client)
