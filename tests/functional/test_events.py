"""Events of a real server, posted to a real HTTP server on this machine."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

import pytest

from tests.crash.workload import connect
from tests.server_process import ALICE, RucketProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.toml_text import Toml

_PATIENCE_S = 60.0
_PAUSE_S = 0.02


class _Receiver(ThreadingHTTPServer):
    """Takes what is posted, unless it is told to be away.

    Attributes:
        told: name of the event, key and entity tag, of every record, in order.
        is_away: whether it answers with an error.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.told: list[tuple[str, str, str]] = []
        self.is_away = False
        self.refused_count = 0

    def take(self, body: bytes) -> int:
        """The status of the answer."""
        if self.is_away:
            self.refused_count += 1
            return 503
        for record in json.loads(body)["Records"]:
            described = record["s3"].get("object", {})
            key = unquote_plus(described.get("key", ""))
            self.told.append((record["eventName"], key, described.get("eTag", "")))
        return 200

    def of(self, key: str) -> list[tuple[str, str]]:
        """Names and entity tags of the events of a key, each but once."""
        seen = [(name, etag) for name, told, etag in self.told if told == key]
        return list(dict.fromkeys(seen))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        assert isinstance(self.server, _Receiver)
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(self.server.take(body))
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Says nothing."""


@pytest.fixture
def receiver() -> Iterator[_Receiver]:
    receiver = _Receiver()
    thread = threading.Thread(target=receiver.serve_forever, args=(0.01,))
    thread.start()
    yield receiver
    receiver.shutdown()
    thread.join()
    receiver.server_close()


def _config(receiver: _Receiver, backlog_bytes_max: int = 1024**3) -> dict[str, Toml]:
    return {
        "events": {
            "sink": "webhook",
            "url": f"http://127.0.0.1:{receiver.server_port}/",
            "poll_interval_ms": 20,
            "backlog_bytes_max": backlog_bytes_max,
        },
        "storage": {
            "wal": {"segment_size_bytes": 1024 * 1024, "checkpoint_log_bytes": 1024 * 1024}
        },
    }


def _wait(condition: Callable[[], bool]) -> None:
    for _ in range(int(_PATIENCE_S / _PAUSE_S)):
        if condition():
            return
        time.sleep(_PAUSE_S)
    raise AssertionError("it took too long")


def test_what_happens_is_told(receiver: _Receiver, tmp_path: Path) -> None:
    """Buckets, objects, copies, uploads in parts; nothing that was refused."""
    with RucketProcess(tmp_path, _config(receiver)) as server:
        s3 = connect(server.endpoint, ALICE)
        _wait((tmp_path / "data/state/cursors/events.json").exists)
        s3.create_bucket(Bucket="bucket")
        s3.create_bucket(Bucket="bucket")
        etag = s3.put_object(Bucket="bucket", Key="a key", Body=b"x")["ETag"].strip('"')
        with pytest.raises(s3.exceptions.ClientError):
            s3.put_object(Bucket="bucket", Key="a key", Body=b"y", IfNoneMatch="*")
        s3.copy_object(Bucket="bucket", Key="copy", CopySource="bucket/a key")
        upload = s3.create_multipart_upload(Bucket="bucket", Key="parts")["UploadId"]
        part = s3.upload_part(
            Bucket="bucket", Key="parts", UploadId=upload, PartNumber=1, Body=b"part"
        )
        s3.complete_multipart_upload(
            Bucket="bucket",
            Key="parts",
            UploadId=upload,
            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
        )
        s3.delete_object(Bucket="bucket", Key="not there")
        for key in ("a key", "copy", "parts"):
            s3.delete_object(Bucket="bucket", Key=key)
        s3.delete_bucket(Bucket="bucket")
        _wait(lambda: receiver.told[-1:] == [("BucketDeleted", "", "")])

    assert [(name, key) for name, key, _ in receiver.told] == [
        ("BucketCreated", ""),
        ("ObjectCreated:Put", "a key"),
        ("ObjectCreated:Copy", "copy"),
        ("ObjectCreated:CompleteMultipartUpload", "parts"),
        ("ObjectRemoved:Delete", "a key"),
        ("ObjectRemoved:Delete", "copy"),
        ("ObjectRemoved:Delete", "parts"),
        ("BucketDeleted", ""),
    ]
    assert receiver.told[1][2] == receiver.told[2][2] == etag


def test_no_event_is_missing_whatever_is_killed_and_whoever_is_away(
    receiver: _Receiver, tmp_path: Path
) -> None:
    """Maintenance and node are killed while events are delivered, and the receiver is away for a
    while: each write is told at least once, those of a key in order.
    """
    with RucketProcess(tmp_path, _config(receiver)) as server:
        s3 = connect(server.endpoint, ALICE)
        _wait((tmp_path / "data/state/cursors/events.json").exists)
        s3.create_bucket(Bucket="bucket")
        written: dict[str, list[tuple[str, str]]] = {}
        for number in range(60):
            key = f"key-{number % 7}"
            etag = s3.put_object(Bucket="bucket", Key=key, Body=b"%d" % number)["ETag"].strip('"')
            written.setdefault(key, []).append(("ObjectCreated:Put", etag))
            if number % 20 == 9:
                os.kill(server.pids("maintenance")[0], signal.SIGKILL)
            if number % 20 == 16:
                os.kill(server.pids("node")[0], signal.SIGKILL)
            receiver.is_away = 25 <= number < 45
            if number == 44:
                _wait(lambda: receiver.refused_count > 0)
        _wait(lambda: all(receiver.of(key) == told for key, told in written.items()))


def test_a_receiver_that_stays_away_does_not_fill_the_disk(
    receiver: _Receiver, tmp_path: Path
) -> None:
    """The log goes on without it beyond the backlog; it is told so, and what comes then."""
    receiver.is_away = True
    with RucketProcess(tmp_path, _config(receiver, 2 * 1024 * 1024)) as server:
        s3 = connect(server.endpoint, ALICE)
        _wait((tmp_path / "data/state/cursors/events.json").exists)
        s3.create_bucket(Bucket="bucket")
        log = tmp_path / "data/wal"
        for number in range(4000):
            s3.put_object(Bucket="bucket", Key=f"key-{number % 5}", Body=bytes(8000))
            if number > 600 and "0000000001.wal" not in os.listdir(log):  # noqa: PTH208
                break
        _wait(lambda: "0000000001.wal" not in os.listdir(log))  # noqa: PTH208
        receiver.is_away = False
        s3.put_object(Bucket="bucket", Key="last", Body=b"x")
        _wait(lambda: bool(receiver.of("last")))
        assert "are LOST" in server.log_path.read_text()

    assert len(receiver.told) < number
