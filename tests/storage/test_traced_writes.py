"""Nothing writes behind the `Disk` port: a traced run of the real server.

Every process of the server starts with an audit hook (`tests/storage/tracing`) that sees each
opening, renaming and removing of a file by Python code, and from where it comes. What C and Rust
code opens by itself (SQLite does) shows in ``/proc`` while it is open.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config

from tests.server_process import ALICE, POLL_INTERVAL_S, RucketProcess

if TYPE_CHECKING:
    from collections.abc import Callable

    import psutil

_TRACING = Path(__file__).parent / "tracing"
_THROUGH_THE_PORT = "rucket.disk."
_SQLITES_OWN = re.compile(r"index/index\.db(-wal|-shm|-journal)?")
_METRICS = re.compile(r"run/metrics/\w+-?\w*\.db")
_PASSING = re.compile(r"(LOCK|state/garbage\.lock|run(/.*)?)")
"""What says nothing about stored data: locks, sockets and metrics."""

_PORTS_OWN = re.compile(r"(wal|blobs|checkpoints)/.*|devices\.json(\.new)?")
_SHARED_WRITABLE = re.compile(r"[0-9a-f]+-[0-9a-f]+ .w.s \S+ \S+ \S+ +(/.*)")
_WAIT_S = 20.0
_MIB = 1024 * 1024
_ROUNDS_MAX = 300


@dataclass(frozen=True, slots=True)
class _Traced:
    event: str
    path: str
    caller: str


def _environment(directory: Path, trace_file: Path) -> dict[str, str]:
    path = os.pathsep.join([str(_TRACING), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {
        "PYTHONPATH": path,
        "TRACED_DIRECTORY": f"{directory}{os.sep}",
        "TRACE_FILE": str(trace_file),
    }


def _trace(trace_file: Path) -> list[_Traced]:
    return [_Traced(**json.loads(line)) for line in trace_file.read_text().splitlines()]


def _open_for_writing(processes: list[psutil.Process], directory: Path) -> set[str]:
    """What below a directory is open for writing, or mapped, relative to it."""
    found: set[str] = set()
    for process in processes:
        try:
            descriptors = list(Path(f"/proc/{process.pid}/fd").iterdir())
            maps = Path(f"/proc/{process.pid}/maps").read_text()
        except OSError:
            continue  # it has ended
        found.update(match[1] for match in map(_SHARED_WRITABLE.match, maps.splitlines()) if match)
        for descriptor in descriptors:
            try:
                target = str(descriptor.readlink())
                info = (descriptor.parent.parent / "fdinfo" / descriptor.name).read_text()
            except OSError:
                continue  # it has been closed
            flags = re.search(r"flags:\s+(\d+)", info)
            if flags and int(flags[1], 8) & os.O_ACCMODE != os.O_RDONLY:
                found.add(target)
    prefix = f"{directory}{os.sep}"
    return {path.removeprefix(prefix) for path in found if path.startswith(prefix)}


class _Watcher:
    """Looks at what is open between the steps of a workload."""

    def __init__(self, server: RucketProcess) -> None:
        self._server = server
        self.seen: set[str] = set()

    def look(self) -> None:
        """Notes what is open right now."""
        self.seen |= _open_for_writing(self._server.processes(), self._server.data_dir)

    def until(self, condition: Callable[[], bool]) -> None:
        """Looks until something has happened."""
        for _ in range(int(_WAIT_S / POLL_INTERVAL_S)):
            self.look()
            if condition():
                return
            time.sleep(POLL_INTERVAL_S)
        pytest.fail("it doesn't happen")


def _use(server: RucketProcess, watcher: _Watcher) -> None:
    """Writes of every kind: small, large, in parts, over one another; removes, and their garbage;
    a log that goes on in new segments and is let go of behind checkpoints of the index.
    """
    client = boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name=server.region,
        aws_access_key_id=ALICE.access_key,
        aws_secret_access_key=ALICE.secret_key,
        config=Config(s3={"addressing_style": "path"}),
    )
    client.create_bucket(Bucket="bucket")
    for number, size_bytes in enumerate((0, 100, 100_000, 3 * _MIB)):
        client.put_object(Bucket="bucket", Key=f"key{number}", Body=bytes(size_bytes))
        watcher.look()
    upload_id = client.create_multipart_upload(Bucket="bucket", Key="parts")["UploadId"]
    part = client.upload_part(
        Bucket="bucket", Key="parts", UploadId=upload_id, PartNumber=1, Body=b"p" * 50_000
    )
    client.complete_multipart_upload(
        Bucket="bucket",
        Key="parts",
        UploadId=upload_id,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )
    for number in range(260):
        client.put_object(Bucket="bucket", Key=f"small{number}", Body=b"s" * 6000)
    watcher.look()
    client.get_object(Bucket="bucket", Key="key3")["Body"].read()
    client.put_object(Bucket="bucket", Key="key2", Body=b"over")
    client.delete_object(Bucket="bucket", Key="key3")
    blobs = server.data_dir / "blobs/files"
    watcher.until(lambda: sum(path.is_file() for path in blobs.rglob("*")) == 1)
    first_segment = server.data_dir / "wal/0000000001.wal"
    for _ in range(_ROUNDS_MAX):  # until there are two checkpoints of the index
        for number in range(20):
            client.put_object(Bucket="bucket", Key=f"small{number}", Body=b"t" * 8000)
        watcher.look()
        if not first_segment.exists():
            return
    pytest.fail("the log isn't let go of")


@pytest.mark.timeout(120)
def test_every_write_of_the_server_passes_the_port(tmp_path: Path) -> None:
    """Below data_dir, nothing but `rucket.disk` opens a file for writing, renames or removes one;
    except SQLite its own files, and what only lives as long as the server: LOCK, sockets, metrics.
    """
    data_dir, trace_file = tmp_path / "data", tmp_path / "trace"
    wal = {"segment_size_bytes": _MIB, "checkpoint_log_bytes": _MIB}
    config = {"storage": {"wal": wal}}
    server = RucketProcess(tmp_path, config, environment=_environment(data_dir, trace_file))
    with server:
        watcher = _Watcher(server)
        _use(server, watcher)
    with server:  # recovery and a clean end, too
        watcher.look()

    traced = _trace(trace_file)
    past_the_port = {
        (name, entry.event, entry.caller)
        for entry in traced
        if not entry.caller.startswith(_THROUGH_THE_PORT)
        for name in (entry.path.removeprefix(f"{data_dir}{os.sep}"),)
        if not _PASSING.fullmatch(name)
    }
    assert past_the_port == set()
    assert {entry.event for entry in traced if entry.caller.startswith(_THROUGH_THE_PORT)} >= {
        "open",
        "os.rename",
        "os.remove",
        "os.link",
        "os.mkdir",
    }
    unexpected = {
        name
        for name in watcher.seen
        if not any(kind.fullmatch(name) for kind in (_SQLITES_OWN, _METRICS, _PASSING, _PORTS_OWN))
    }
    assert unexpected == set()
    assert {"index/index.db", "LOCK"} <= watcher.seen


def test_tracer_sees_a_write_past_the_port(tmp_path: Path) -> None:
    """Code that opens, links or removes files by itself would be found."""
    trace_file = tmp_path / "trace"
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    code = (
        "import pathlib, sys; directory = pathlib.Path(sys.argv[1]);"
        "(directory / 'one').write_text('x'); open(directory / 'one').read();"
        "(directory / 'one').rename(directory / 'two'); (directory / 'two').unlink()"
    )

    subprocess.run(
        [sys.executable, "-c", code, str(data_dir)],
        env={**os.environ, **_environment(data_dir, trace_file)},
        check=True,
    )

    traced = _trace(trace_file)
    assert [(entry.event, Path(entry.path).name) for entry in traced] == [
        ("open", "one"),
        ("os.rename", "one"),
        ("os.rename", "two"),
        ("os.remove", "two"),
    ]
    assert not any(entry.caller.startswith(_THROUGH_THE_PORT) for entry in traced)
