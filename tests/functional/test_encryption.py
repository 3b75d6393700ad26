"""Encryption at rest, by a real server: what lies on its disk, and with which keys it starts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.functional.bodies import MIB, content
from tests.server_process import ALICE, RucketProcess, ServerProcessError, rucket_command

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

    from tests.toml_text import Toml

MARKER = b"a text that must not lie on any disk"
FIRST, SECOND = "1a" * 32, "2b" * 32
_CONFIG = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
_ATTEMPTS = 900


def _server(directory: Path, **encryption: Toml) -> RucketProcess:
    configured: dict[str, Toml] = {"storage": {"encryption": encryption}}
    return RucketProcess(directory, configured)


def _client(server: RucketProcess) -> S3Client:
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name=server.region,
        aws_access_key_id=ALICE.access_key,
        aws_secret_access_key=ALICE.secret_key,
        config=_CONFIG,
    )


def _files_with(directory: Path, marker: bytes) -> list[str]:
    files = [path for path in directory.rglob("*") if path.is_file()]
    assert files
    return [path.name for path in files if marker in path.read_bytes()]


def _wait_for(condition: Callable[[], object]) -> None:
    for _ in range(_ATTEMPTS):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it didn't come to pass")


def _listed_keys(server: RucketProcess) -> list[str]:
    document = json.loads((server.data_dir / "keys" / "encryption.json").read_text())
    return [key["id"] for key in document["keys"]]


def _verified(server: RucketProcess) -> dict[str, dict[str, int]]:
    """What `rucket verify` finds, without a key; it finds no damage."""
    ran = subprocess.run(
        [*rucket_command(), "verify", "-d", str(server.data_dir), "-f", "json"],
        capture_output=True,
        text=True,
        check=False,
    )
    report = json.loads(ran.stdout)
    assert not report["problems"]
    figures: dict[str, dict[str, int]] = report["figures"]
    return figures


def _put_all_ways(s3: S3Client, bucket: str) -> dict[str, bytes]:
    """Inline, in a blob, in parts, copied; every body is full of the marker."""
    s3.create_bucket(Bucket=bucket)
    objects = {
        "inline": MARKER * 10,
        "blob": MARKER * 40_000,
        "empty": b"",
    }
    for key, body in objects.items():
        s3.put_object(Bucket=bucket, Key=key, Body=body)
    upload_id = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    bodies = [(MARKER * 150_000)[: 5 * MIB], MARKER * 20]
    parts = [
        s3.upload_part(
            Bucket=bucket, Key="parts", UploadId=upload_id, PartNumber=number, Body=body
        )["ETag"]
        for number, body in enumerate(bodies, 1)
    ]
    listed = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(parts, 1)]
    s3.complete_multipart_upload(
        Bucket=bucket,
        Key="parts",
        UploadId=upload_id,
        MultipartUpload={"Parts": listed},  # type: ignore[typeddict-item]
    )
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "blob"})
    return {**objects, "parts": b"".join(bodies), "copy": objects["blob"]}


def _check(s3: S3Client, bucket: str, objects: dict[str, bytes]) -> None:
    for key, body in objects.items():
        answer = s3.get_object(Bucket=bucket, Key=key)
        assert answer["Body"].read() == body
        assert answer["ServerSideEncryption"] == "AES256"


def test_no_file_of_the_data_directory_holds_plaintext(tmp_path: Path) -> None:
    """Log, index and blobs; the same search finds what a server without encryption stores. Verify
    needs no key.
    """
    with _server(tmp_path / "plain") as plain:
        _put_all_ways(_client(plain), "bucket")
        assert len(_files_with(plain.data_dir, MARKER)) >= 3

    with _server(tmp_path / "encrypted", enabled=True, master_key=FIRST) as server:
        objects = _put_all_ways(_client(server), "bucket")
        _check(_client(server), "bucket", objects)
        assert _files_with(server.data_dir, MARKER) == []
        (key_id,) = _listed_keys(server)
    assert _files_with(server.data_dir, MARKER) == []
    assert _files_with(server.data_dir, bytes.fromhex(FIRST)) == []
    assert _verified(server)["encryption"] == {f"under_{key_id}": 5}
    assert FIRST not in server.log_tail(10_000)


def test_without_the_right_key_a_server_does_not_start(tmp_path: Path) -> None:
    """No key, another key; the message says which is missing. With it, all is there."""
    with _server(tmp_path, enabled=True, master_key=FIRST) as server:
        objects = _put_all_ways(_client(server), "bucket")
        (key_id,) = _listed_keys(server)
    wrong_ones: list[dict[str, Toml]] = [{}, {"enabled": True, "master_key": SECOND}]
    for wrong in wrong_ones:
        with pytest.raises(ServerProcessError):
            _server(tmp_path, **wrong).start()
        assert f"encrypted under master key {key_id}" in server.log_tail()

    with _server(tmp_path, master_key=FIRST) as again:
        _check(_client(again), "bucket", objects)


def test_a_request_may_ask_for_encryption(tmp_path: Path) -> None:
    """Where not every object is encrypted; without any key that is refused."""
    with _server(tmp_path / "without") as server:
        s3 = _client(server)
        s3.create_bucket(Bucket="bucket")
        with pytest.raises(ClientError, match="NotImplemented"):
            s3.put_object(Bucket="bucket", Key="k", Body=b"x", ServerSideEncryption="AES256")
    with _server(tmp_path / "with", master_key=FIRST) as server:
        s3 = _client(server)
        s3.create_bucket(Bucket="bucket")
        asked = s3.put_object(
            Bucket="bucket", Key="asked", Body=MARKER, ServerSideEncryption="AES256"
        )
        other = s3.put_object(Bucket="bucket", Key="other", Body=b"plain")
        assert asked["ServerSideEncryption"] == "AES256"
        assert "ServerSideEncryption" not in dict(other)
        assert s3.head_object(Bucket="bucket", Key="asked")["ContentLength"] == len(MARKER)
        assert _files_with(server.data_dir, MARKER) == []


def test_keys_are_rotated_under_load_and_through_kills(tmp_path: Path) -> None:
    """By a key file with a new first line. Maintenance and node are killed meanwhile; every
    acknowledged object is there; at the end the previous key isn't needed any more.
    """
    key_file = tmp_path / "keys"
    key_file.touch(mode=0o600)
    key_file.write_text(FIRST)
    server = _server(tmp_path, enabled=True, key_file=str(key_file))
    with server:
        s3 = _client(server)
        objects = _put_all_ways(s3, "bucket")
        for number in range(300):
            key = f"small-{number:04}"
            objects[key] = content(100 + number)
            s3.put_object(Bucket="bucket", Key=key, Body=objects[key])
        (first_id,) = _listed_keys(server)
    key_file.write_text(f"{SECOND}\n{FIRST}\n")
    with server:
        written: dict[str, bytes] = {}
        stop = threading.Event()
        writer = threading.Thread(target=_write_until, args=(_client(server), written, stop))
        writer.start()
        for role in ("maintenance", "node", "maintenance"):
            os.kill(server.pids(role)[0], signal.SIGKILL)
            count = len(written)
            _wait_for(partial(_has_grown, written, count + 5))
        _wait_for(lambda: first_id not in _listed_keys(server))
        stop.set()
        writer.join()
        (second_id,) = _listed_keys(server)
        said = f"nothing is encrypted under {first_id} any more"
        _wait_for(lambda: said in server.log_tail(100_000))
    key_file.write_text(SECOND)
    with server:
        _check(_client(server), "bucket", {**objects, **written})
    figures = _verified(server)["encryption"]
    assert figures == {f"under_{second_id}": len(objects) + len(written)}


def _has_grown(written: dict[str, bytes], count: int) -> bool:
    return len(written) > count


def _write_until(s3: S3Client, written: dict[str, bytes], stop: threading.Event) -> None:
    number = 0
    while not stop.is_set():
        number += 1
        key, body = f"written-{number:05}", content(200 + number % 20_000)
        try:
            s3.put_object(Bucket="bucket", Key=key, Body=body)
            s3.copy_object(
                Bucket="bucket", Key=f"a-{key}", CopySource={"Bucket": "bucket", "Key": "inline"}
            )
        except ClientError:
            continue
        written[key] = body
        written[f"a-{key}"] = MARKER * 10
