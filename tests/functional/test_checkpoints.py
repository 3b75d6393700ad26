"""Checkpoints and the index built again, on the data directory of a real server."""

from __future__ import annotations

import subprocess
import time
import urllib.request
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from tests.server_process import ALICE, RucketProcess, rucket_command

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

WAIT_S = 60.0
STORAGE = {"wal": {"segment_size_bytes": 1 << 20, "checkpoint_log_bytes": 1 << 20}}


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


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*rucket_command(), *arguments], capture_output=True, text=True, check=False
    )


def _metric(server: RucketProcess, name: str) -> float:
    with urllib.request.urlopen(server.metrics_url) as answer:
        text = answer.read().decode()
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))


def _dump(data_dir: Path, target: Path) -> bytes:
    ran = _run("inspect", "index", "-d", str(data_dir), "--dump", str(target))
    assert ran.returncode == 0, ran.stderr
    return target.read_bytes()


def test_an_index_is_built_again_as_it_was(tmp_path: Path) -> None:
    """From a checkpoint that the server made under load and a log that it has shortened: the dump
    of all rows is the same, byte for byte, and the server serves what it served.
    """
    with RucketProcess(tmp_path / "server", {"storage": STORAGE}) as server:
        client = _client(server)
        client.create_bucket(Bucket="bucket")
        checkpoints = server.data_dir / "checkpoints"
        written: dict[str, bytes] = {}

        def more() -> bool:
            # Few keys, again and again: a checkpoint comes when the log outgrows the index.
            for number in range(100):
                key = f"key-{number}"
                written[key] = f"{key}-{time.time_ns()}".encode() * 200
                client.put_object(Bucket="bucket", Key=key, Body=written[key])
            return len(list(checkpoints.glob("*.ckpt"))) == 2

        _wait_for(more)
        _wait_for(lambda: not (server.data_dir / "wal/0000000001.wal").exists())
        assert _metric(server, "rucket_checkpoint_taken_total") >= 2
        assert _metric(server, "rucket_checkpoint_position") > 1
        client.delete_object(Bucket="bucket", Key=written.popitem()[0])
        server.kill()
        data_dir = server.data_dir
        RucketProcess.start(server)  # replays
        server.stop()
        before = _dump(data_dir, tmp_path / "before")
        for path in (data_dir / "index").iterdir():
            path.unlink()

        ran = _run("serve", "-d", str(data_dir), "-b", f"127.0.0.1:{server.address[1]}")
        assert ran.returncode != 0
        assert "rucket rebuild-index" in ran.stderr
        ran = _run("rebuild-index", "-d", str(data_dir))
        assert ran.returncode == 0, ran.stderr
        assert "from the checkpoint at record" in ran.stdout
        assert _dump(data_dir, tmp_path / "after") == before

        server.start()
        for key, body in list(written.items())[::10]:
            assert client.get_object(Bucket="bucket", Key=key)["Body"].read() == body


def test_an_emptied_log_never_leads_to_an_empty_store(tmp_path: Path) -> None:
    """The start is refused, with or without the index; accepting the index loses nothing."""
    with RucketProcess(tmp_path / "server") as server:
        client = _client(server)
        client.create_bucket(Bucket="bucket")
        client.put_object(Bucket="bucket", Key="large", Body=b"x" * 100_000)
        server.stop()
        data_dir = str(server.data_dir)
        for path in (server.data_dir / "wal").iterdir():
            path.unlink()
        serve = ("serve", "-d", data_dir, "-b", f"127.0.0.1:{server.address[1]}")

        for _ in range(2):
            ran = _run(*serve)
            assert ran.returncode != 0
            assert "rucket repair accept-index" in ran.stderr
        (server.data_dir / "index").rename(tmp_path / "index")
        ran = _run(*serve)
        assert ran.returncode != 0
        assert "there is data" in ran.stderr
        for path in (server.data_dir / "index").iterdir():
            path.unlink()
        (server.data_dir / "index").rmdir()
        (tmp_path / "index").rename(server.data_dir / "index")

        assert _run("repair", "accept-index", "-d", data_dir).returncode == 1
        assert _run("repair", "accept-index", "-d", data_dir, "--yes").returncode == 0
        server.start()
        assert client.get_object(Bucket="bucket", Key="large")["Body"].read() == b"x" * 100_000
        client.put_object(Bucket="bucket", Key="new", Body=b"y")
