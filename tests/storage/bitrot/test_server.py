"""Bit rot under a running server, from outside: found by the scrubber, never served."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.server_process import ALICE, RucketProcess, rucket_command

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

WAIT_S = 30.0
CYCLE_DAYS = 1 / 86_400  # a second
BODY = bytes(range(256)) * 4096
HEADERS_SIZE_BYTES = 4096 + 52 + 8 * 4  # of the segment and its first record


def _wait_for(condition: Callable[[], object]) -> None:
    for _ in range(round(WAIT_S / 0.05)):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it didn't happen in time")


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


def _damage(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 0x10]))


def _verify(data_dir: Path) -> tuple[int, list[str]]:
    ran = subprocess.run(
        [*rucket_command(), "verify", "-d", str(data_dir), "-f", "json"],
        capture_output=True,
        text=True,
        check=False,
    )
    problems = [] if ran.returncode == 2 else json.loads(ran.stdout)["problems"]
    return ran.returncode, [problem["detail"] for problem in problems]


@pytest.mark.parametrize(
    ("blob_size_bytes_max", "files"), [(0, "files/*/*"), (len(BODY), "packed/?/*.seg")]
)
def test_a_damaged_blob_is_taken_out_of_reach_and_reported(
    tmp_path: Path, blob_size_bytes_max: int, files: str
) -> None:
    """Reads fail from the first moment on; the file, or what it would have been, and a report are
    in quarantine; other objects are served; `rucket verify` says what is lost.
    """
    scrub = {"cycle_days": CYCLE_DAYS, "max_bytes_per_s": 1 << 30}
    packed = {"blob_size_bytes_max": blob_size_bytes_max}
    with RucketProcess(tmp_path, {"storage": {"scrub": scrub, "packed": packed}}) as server:
        s3 = _client(server)
        s3.create_bucket(Bucket="bucket")
        s3.put_object(Bucket="bucket", Key="damaged", Body=BODY)
        before = set(server.data_dir.glob(f"blobs/{files}"))
        s3.put_object(Bucket="bucket", Key="whole", Body=BODY)
        _wait_for(lambda: _metric(server, "rucket_scrub_blobs_verified_total") >= 2)
        assert _metric(server, "rucket_scrub_errors_total") == 0
        (path,) = before
        _damage(path, 500_000)

        with pytest.raises(ClientError, match="InternalError"):
            s3.get_object(Bucket="bucket", Key="damaged", Range="bytes=500000-500010")
        quarantine = server.data_dir / "quarantine"
        _wait_for(lambda: _metric(server, 'rucket_scrub_errors_total{kind="blob_corrupt"}'))
        with pytest.raises(ClientError, match="InternalError"):
            s3.get_object(Bucket="bucket", Key="damaged", Range="bytes=0-10")
        assert s3.get_object(Bucket="bucket", Key="whole")["Body"].read() == BODY
        _wait_for(lambda: _metric(server, "rucket_scrub_last_cycle_completed"))
        assert _verify(server.data_dir) == (2, [])
    (kept,) = (found for found in quarantine.iterdir() if not found.suffix)
    report = json.loads(kept.with_suffix(".json").read_text())

    assert [user["key"] for user in report["used_by"]] == ["damaged"]
    assert "used by bucket/damaged" in server.log_tail(200)
    assert _verify(server.data_dir) == (1, ["it is missing"])
    _damage(kept, 500_000 - (0 if path.name == kept.name else HEADERS_SIZE_BYTES))
    kept.rename(server.data_dir / "blobs" / "files" / kept.name[4:6] / kept.name)
    assert _verify(server.data_dir) == (0, [])
