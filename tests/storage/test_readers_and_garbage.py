"""Garbage and slow readers, in a real server: nothing is removed under a reader, and nothing stays
for one that is gone.
"""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config

from tests.server_process import ALICE, RucketProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

WAIT_S = 30.0
COLLECTED_WITHIN_S = 8.0  # several rounds of the collector, were nobody reading
PART_SIZE_BYTES = 12 * 1024 * 1024
PARTS = 3


def _client(server: RucketProcess) -> S3Client:
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name=server.region,
        aws_access_key_id=ALICE.access_key,
        aws_secret_access_key=ALICE.secret_key,
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )


def _wait_for(condition: Callable[[], object]) -> None:
    for _ in range(round(WAIT_S / 0.05)):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it didn't happen in time")


class SlowReader:
    """A GET of which only the first bytes are taken, until `rest`."""

    def __init__(self, server: RucketProcess, s3: S3Client, key: str) -> None:
        url = urlsplit(
            s3.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": key})
        )
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        self._socket.settimeout(WAIT_S)
        self._socket.connect(server.address)
        target = f"{url.path}?{url.query}"
        request = f"GET {target} HTTP/1.1\r\nhost: {url.netloc}\r\nconnection: close\r\n\r\n"
        self._socket.sendall(request.encode())
        self._taken = self._socket.recv(16 * 1024)
        assert self._taken.startswith(b"HTTP/1.1 200")

    def rest(self) -> bytes:
        """The whole body."""
        pieces = [self._taken]
        while piece := self._socket.recv(1 << 20):
            pieces.append(piece)
        return b"".join(pieces).partition(b"\r\n\r\n")[2]

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RucketProcess]:
    """With one gateway."""
    with RucketProcess(tmp_path, {"server": {"workers": 1}}) as server:
        _client(server).create_bucket(Bucket="bucket")
        yield server


def _put_parts(s3: S3Client, key: str) -> bytes:
    upload = s3.create_multipart_upload(Bucket="bucket", Key=key)["UploadId"]
    data = [
        hashlib.sha256(f"{key} {number}".encode()).digest() * (PART_SIZE_BYTES // 32)
        for number in range(PARTS)
    ]
    parts = [
        s3.upload_part(Bucket="bucket", Key=key, UploadId=upload, PartNumber=number, Body=part)
        for number, part in enumerate(data, start=1)
    ]
    s3.complete_multipart_upload(
        Bucket="bucket",
        Key=key,
        UploadId=upload,
        MultipartUpload={
            "Parts": [
                {"PartNumber": number, "ETag": part["ETag"]}
                for number, part in enumerate(parts, start=1)
            ]
        },
    )
    return b"".join(data)


def _blob_count(server: RucketProcess) -> int:
    return sum(1 for _ in (server.data_dir / "blobs/files").glob("*/*"))


def test_an_object_is_sent_whole_whatever_happens_to_it_meanwhile(server: RucketProcess) -> None:
    """One deleted, one overwritten, each in the middle of a slow read of its three parts; garbage
    that is older goes on being removed, and theirs goes when they are through.
    """
    s3 = _client(server)
    s3.put_object(Bucket="bucket", Key="old", Body=bytes(100_000))
    deleted, overwritten = _put_parts(s3, "deleted"), _put_parts(s3, "overwritten")
    s3.delete_object(Bucket="bucket", Key="old")
    _wait_for(lambda: _blob_count(server) == 2 * PARTS)
    readers = [SlowReader(server, s3, "deleted"), SlowReader(server, s3, "overwritten")]

    s3.delete_object(Bucket="bucket", Key="deleted")
    s3.put_object(Bucket="bucket", Key="overwritten", Body=b"something else")
    for _ in range(round(COLLECTED_WITHIN_S / 0.1)):
        assert _blob_count(server) == 2 * PARTS
        time.sleep(0.1)
    bodies = [reader.rest() for reader in readers]
    for reader in readers:
        reader.close()

    assert bodies == [deleted, overwritten]
    _wait_for(lambda: _blob_count(server) == 0)


def test_a_reader_whose_process_was_killed_keeps_nothing(server: RucketProcess) -> None:
    """The kernel gives its lease up for it; so it does for a client that hangs up."""
    s3 = _client(server)
    _put_parts(s3, "killed")
    _put_parts(s3, "hung up")
    readers = [SlowReader(server, s3, "killed"), SlowReader(server, s3, "hung up")]
    s3.delete_object(Bucket="bucket", Key="hung up")
    s3.delete_object(Bucket="bucket", Key="killed")

    readers[1].close()
    (gateway,) = server.pids("gateway")
    os.kill(gateway, signal.SIGKILL)

    _wait_for(lambda: _blob_count(server) == 0)
    readers[0].close()
    leases = server.data_dir / "run/leases"
    _wait_for(lambda: len(list(leases.iterdir())) == 1)
