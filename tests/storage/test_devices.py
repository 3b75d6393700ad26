"""Several devices under a real server: one becomes full, read-only, lost, and comes back.

The device that suffers is a small tmpfs, which needs root: `make check` runs these tests there.
"""

from __future__ import annotations

import os
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.server_process import ALICE, RucketProcess, rucket_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

WAIT_S = 30.0
BODY = bytes(range(256)) * 256
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")


def _client(server: RucketProcess) -> S3Client:
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name=server.region,
        aws_access_key_id=ALICE.access_key,
        aws_secret_access_key=ALICE.secret_key,
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )


def _metrics(server: RucketProcess) -> dict[str, float]:
    with urllib.request.urlopen(server.metrics_url) as answer:
        lines = answer.read().decode().splitlines()
    return {
        name: float(value)
        for name, _, value in (line.rpartition(" ") for line in lines if line[:1] != "#")
    }


def _state(server: RucketProcess, device: Path) -> str:
    (state,) = [
        name.partition('state="')[2].partition('"')[0]
        for name, value in _metrics(server).items()
        if name.startswith("rucket_storage_device_state") and f'"{device}"' in name and value
    ]
    return state


def _wait_for(condition: Callable[[], object]) -> None:
    for _ in range(round(WAIT_S / 0.05)):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it didn't happen in time")


class SmallDevice:
    """A device of 24 MiB that can be taken away: a tmpfs, bound to where the server looks."""

    def __init__(self, root: Path) -> None:
        self.store = root / "store"
        self.path = root / "small"
        self.store.mkdir()
        self.path.mkdir()
        _mount("-t", "tmpfs", "-o", "size=24m", "tmpfs", str(self.store))
        self.attach()

    def attach(self) -> None:
        _mount("--bind", str(self.store), str(self.path))

    def make_read_only(self) -> None:
        _mount("-o", "remount,bind,ro", str(self.path))

    def make_writable(self) -> None:
        _mount("-o", "remount,bind,rw", str(self.path))

    def detach(self) -> None:
        subprocess.run(["umount", "-l", str(self.path)], check=True)

    def fill(self) -> None:
        (self.store / "somebody's").write_bytes(bytes(self.free() - 512 * 1024))

    def free(self) -> int:
        status = os.statvfs(self.store)
        return status.f_bavail * status.f_frsize

    def close(self) -> None:
        for path in (self.path, self.store):
            subprocess.run(["umount", "-l", str(path)], check=False, capture_output=True)


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


@contextmanager
def _small_device(root: Path) -> Iterator[SmallDevice]:
    device = SmallDevice(root)
    try:
        yield device
    finally:
        device.close()


@contextmanager
def _server(
    root: Path, small: Path, *, packed_size_bytes_max: int = 0, **small_settings: object
) -> Iterator[RucketProcess]:
    large = root / "large"
    devices = [
        {"path": str(large), "weight": 0.000_001},  # so that much goes to the small one
        {"path": str(small), **small_settings},
    ]
    packed = {"blob_size_bytes_max": packed_size_bytes_max, "segment_size_bytes": 1 << 20}
    storage = {"devices": devices, "packed": packed}
    with RucketProcess(root, {"storage": storage}) as server:  # type: ignore[dict-item]
        yield server


def _on(device: Path) -> int:
    return sum(1 for path in (device / "files").glob("*/*"))


class _Objects:
    """The objects of a server, all with the same body."""

    def __init__(self, server: RucketProcess) -> None:
        self.s3 = _client(server)

    def put(self, name: str) -> None:
        """Twenty more."""
        for number in range(20):
            self.s3.put_object(Bucket="bucket", Key=f"{name}-{number}", Body=BODY)

    def readable(self) -> dict[str, list[str]]:
        """The keys by what reading them is answered with."""
        found: dict[str, list[str]] = {}
        for entry in self.s3.list_objects_v2(Bucket="bucket")["Contents"]:
            try:
                body = self.s3.get_object(Bucket="bucket", Key=entry["Key"])["Body"].read()
                assert body == BODY
                outcome = "200"
            except ClientError as error:
                outcome = error.response["Error"]["Code"]
            found.setdefault(outcome, []).append(entry["Key"])
        return found


def test_a_device_that_is_full_or_read_only_is_passed_over(tmp_path: Path) -> None:
    """Full: until room returns. Read-only: until the next start; reads go on."""
    with _small_device(tmp_path) as small, _server(tmp_path, small.path) as server:
        objects = _Objects(server)
        objects.s3.create_bucket(Bucket="bucket")

        objects.put("first")
        on_small = _on(small.path)
        assert on_small > 10
        small.fill()
        time.sleep(1.1)  # as old as free bytes may be
        objects.put("full")
        assert _on(small.path) == on_small
        assert _state(server, small.path) == "ok"
        (small.store / "somebody's").unlink()
        time.sleep(1.1)
        objects.put("room")
        on_small, before = _on(small.path), on_small
        assert on_small > before + 10

        small.make_read_only()
        objects.put("read-only")
        assert _state(server, small.path) == "failed"
        small.make_writable()
        objects.put("still")
        assert _on(small.path) == on_small
        assert list(objects.readable()) == ["200"]
        server.stop()
        server.start()
        _Objects(server).put("again")
        assert _on(small.path) > on_small


@pytest.mark.parametrize("packed_size_bytes_max", [0, 1 << 20], ids=["files", "packed"])
def test_a_lost_device_takes_nothing_else_with_it(
    tmp_path: Path, packed_size_bytes_max: int
) -> None:
    """What is on it answers 503, everything else goes on, also after a restart. When it is back,
    the next start takes it.
    """
    with (
        _small_device(tmp_path) as small,
        _server(tmp_path, small.path, packed_size_bytes_max=packed_size_bytes_max) as server,
    ):
        objects = _Objects(server)
        objects.s3.create_bucket(Bucket="bucket")
        objects.put("first")
        objects.put("second")
        assert bool(packed_size_bytes_max) != bool(_on(small.path))

        small.detach()
        found = objects.readable()
        on_small = len(found["ServiceUnavailable"])
        assert on_small > 0
        assert len(found.get("200", [])) == 40 - on_small
        objects.put("lost")
        assert list(small.path.iterdir()) == []
        assert _state(server, small.path) == "lost"
        server.stop()
        server.start()
        assert f"device 2 ({small.path}) is lost" in server.log_tail(100)
        objects = _Objects(server)
        assert len(objects.readable()["ServiceUnavailable"]) == on_small
        objects.s3.delete_object(Bucket="bucket", Key=found["ServiceUnavailable"][0])
        server.stop()
        assert "device 2: it is lost" in _verify(server.data_dir)

        small.attach()
        server.start()
        assert list(_Objects(server).readable()) == ["200"]
        assert _state(server, small.path) == "ok"
        used = f'rucket_storage_device_used_bytes{{device="2",path="{small.path}"}}'
        assert _metrics(server)[used] > len(BODY)


def _verify(data_dir: Path) -> str:
    ran = subprocess.run(
        [*rucket_command(), "verify", "-d", str(data_dir)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    return ran.stdout


def test_storage_classes_lie_on_their_devices(tmp_path: Path) -> None:
    """PutObject, multipart and CopyObject onto itself; HEAD and listings say the class."""
    with (
        _small_device(tmp_path) as small,
        _server(tmp_path, small.path, storage_classes=["STANDARD_IA"]) as server,
    ):
        s3 = _client(server)
        large = tmp_path / "large"
        s3.create_bucket(Bucket="bucket")
        s3.put_object(Bucket="bucket", Key="hot", Body=BODY)
        s3.put_object(Bucket="bucket", Key="cold", Body=BODY, StorageClass="STANDARD_IA")
        assert (_on(large), _on(small.path)) == (1, 1)
        upload = s3.create_multipart_upload(
            Bucket="bucket", Key="parts", StorageClass="STANDARD_IA"
        )["UploadId"]
        name = {"Bucket": "bucket", "Key": "parts", "UploadId": upload}
        part = s3.upload_part(**name, PartNumber=1, Body=BODY)  # type: ignore[arg-type]
        s3.complete_multipart_upload(
            **name,  # type: ignore[arg-type]
            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
        )
        assert (_on(large), _on(small.path)) == (1, 2)

        s3.copy_object(
            Bucket="bucket", Key="hot", CopySource="bucket/hot", StorageClass="STANDARD_IA"
        )
        assert _on(small.path) == 3
        _wait_for(lambda: _on(large) == 0)
        s3.copy_object(
            Bucket="bucket", Key="cold", CopySource="bucket/cold", StorageClass="STANDARD"
        )
        assert _on(large) == 1

        with pytest.raises(ClientError, match="InvalidStorageClass"):
            s3.put_object(Bucket="bucket", Key="x", Body=b"", StorageClass="DEEP_ARCHIVE")
        listed = s3.list_objects_v2(Bucket="bucket")["Contents"]
        assert {entry["Key"]: entry["StorageClass"] for entry in listed} == {
            "cold": "STANDARD",
            "hot": "STANDARD_IA",
            "parts": "STANDARD_IA",
        }
        assert s3.head_object(Bucket="bucket", Key="hot")["StorageClass"] == "STANDARD_IA"
        assert "StorageClass" not in s3.head_object(Bucket="bucket", Key="cold")
        for entry in listed:
            assert s3.get_object(Bucket="bucket", Key=entry["Key"])["Body"].read() == BODY
