"""The access log."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from rucket.observe.access_log import LINES_MAX, TARGET_LENGTH_MAX, AccessLog
from tests.unit.observe.clock import StandingClock


@dataclass(frozen=True, slots=True)
class Request:
    """A finished request."""

    request_id: str = "REQUEST"
    remote: str = "127.0.0.1"
    access_key_id: str = "ALICEKEY"
    operation: str = "GetObject"
    method: str = "GET"
    target: str = "/bucket/key?versionId=1"
    status: int = 200
    error_code: str = ""
    request_bytes: int = 0
    response_bytes: int = 1024
    duration_s: float = 0.0123456


@dataclass(frozen=True, slots=True)
class Written:
    """A log and the file that it goes to."""

    path: Path
    descriptor: int

    def log(self, *, pretty: bool) -> AccessLog:
        return AccessLog(StandingClock(), "gateway-0", pretty=pretty, descriptor=self.descriptor)

    def lines(self) -> list[str]:
        return self.path.read_text().splitlines()


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Written]:
    """Where the log goes."""
    path = tmp_path / "access.log"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    yield Written(path, descriptor)
    os.close(descriptor)


def test_a_request_is_an_object_for_machines(written: Written) -> None:
    """Complete, in one line."""
    log = written.log(pretty=False)
    log.write(Request())
    log.flush()

    (line,) = written.lines()
    assert json.loads(line) == {
        "timestamp": "2023-11-14T22:13:20.123Z",
        "level": "info",
        "process": "gateway-0",
        "event": "request",
        "request_id": "REQUEST",
        "remote": "127.0.0.1",
        "access_key_id": "ALICEKEY",
        "operation": "GetObject",
        "method": "GET",
        "target": "/bucket/key?versionId=1",
        "status": 200,
        "error_code": "",
        "request_bytes": 0,
        "response_bytes": 1024,
        "duration_ms": 12.346,
    }


def test_a_request_is_a_line_for_people(written: Written) -> None:
    """Whatever is in it."""
    log = written.log(pretty=True)
    log.write(Request())
    log.write(Request(target="/bucket/a\nb", status=404, error_code="NoSuchKey"))
    log.flush()

    first, second = written.lines()
    assert first.startswith(
        "2023-11-14T22:13:20.123Z info     gateway-0    200 GET /bucket/key?versionId=1  GetObject"
    )
    assert r"404 GET /bucket/a\nb  GetObject NoSuchKey" in second


@pytest.mark.parametrize("pretty", [True, False], ids=["pretty", "json"])
def test_signatures_and_long_targets_are_cut(written: Written, *, pretty: bool) -> None:
    """A presigned URL in a log would be a key for whoever reads it."""
    log = written.log(pretty=pretty)
    log.write(Request(target="/b/k?X-Amz-Signature=HIDE&X-Amz-SECURITY-token=HIDE&x=1"))
    log.write(Request(target="/" + "x" * TARGET_LENGTH_MAX + "THE-END"))
    log.flush()

    first, second = written.lines()
    assert "HIDE" not in first
    assert "x=1" in first
    assert "THE-END" not in second


def test_nothing_is_written_before_flush(written: Written) -> None:
    """A request doesn't wait for who reads the log."""
    log = written.log(pretty=True)
    log.write(Request())

    assert written.lines() == []


def test_a_full_buffer_drops_and_says_so(written: Written) -> None:
    """Memory stays bounded; how many are missing is told."""
    log = written.log(pretty=False)
    for _ in range(LINES_MAX + 7):
        log.write(Request())
    log.flush()

    *kept, last = map(json.loads, written.lines())
    assert len(kept) == LINES_MAX
    assert (last["level"], last["count"]) == ("warning", 7)


def test_lines_arrive_whole_and_in_order(written: Written) -> None:
    """Many are written at once, in pieces that a pipe doesn't mix with other processes'."""
    log = written.log(pretty=False)
    for number in range(500):
        log.write(replace(Request(), request_id=f"{number}"))
    log.flush()

    assert [json.loads(line)["request_id"] for line in written.lines()] == [
        f"{number}" for number in range(500)
    ]


def test_a_log_that_nobody_reads_does_no_harm() -> None:
    """The other end of the pipe is gone: requests go on."""
    reader, writer = os.pipe()
    os.close(reader)
    log = AccessLog(StandingClock(), "gateway-0", pretty=True, descriptor=writer)

    log.write(Request())
    log.flush()

    os.close(writer)
