"""What processes tell each other of down to where they read."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rucket.disk.os_disk import OsDisk
from rucket.store.lease_files import (
    LEASE_SIZE_BYTES,
    LeaseFile,
    LeaseFiles,
    decode_lease,
    encode_lease,
)
from tests.unit.fakes import FakeClock

if TYPE_CHECKING:
    from pathlib import Path

_SILENCE_S_MAX = 100.0
_PROCESS = """
import sys, time
from rucket.disk.os_disk import OsDisk
from rucket.store.lease_files import LeaseFile
LeaseFile(OsDisk(), sys.argv[1], "other").publish(7)
print("published", flush=True)
time.sleep(600)
"""


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def leases(tmp_path: Path, clock: FakeClock) -> LeaseFiles:
    return LeaseFiles(OsDisk(), str(tmp_path / "leases"), clock, _SILENCE_S_MAX)


def _lease(tmp_path: Path, name: str) -> LeaseFile:
    return LeaseFile(OsDisk(), str(tmp_path / "leases"), name)


def test_the_lowest_floor_of_all_counts(tmp_path: Path, leases: LeaseFiles) -> None:
    """Until its process says another one, or that it has ended."""
    one, other = _lease(tmp_path, "one"), _lease(tmp_path, "other")
    assert leases.lowest_floor_hlc() is None

    one.publish(30)
    other.publish(20)
    assert leases.lowest_floor_hlc() == 20
    other.publish(40)
    assert leases.lowest_floor_hlc() == 30
    one.close()
    one.close()
    assert leases.lowest_floor_hlc() == 40
    other.close()
    assert leases.lowest_floor_hlc() is None


def test_the_floor_of_a_killed_process_goes_with_it(tmp_path: Path, leases: LeaseFiles) -> None:
    """The file it left is removed."""
    with subprocess.Popen(
        [sys.executable, "-c", _PROCESS, str(tmp_path / "leases")], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"published\n"
        assert leases.lowest_floor_hlc() == 7
        process.send_signal(signal.SIGSTOP)
        assert leases.lowest_floor_hlc() == 7
        process.kill()

    assert leases.lowest_floor_hlc() is None
    assert list((tmp_path / "leases").iterdir()) == []


def test_a_process_that_is_silent_for_long_is_not_waited_for(
    tmp_path: Path, leases: LeaseFiles, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It was stopped, perhaps for ever: the log says so, once. It counts again when it speaks."""
    lease = _lease(tmp_path, "stopped")
    lease.publish(5)
    assert leases.lowest_floor_hlc() == 5
    clock.now_ms += int(_SILENCE_S_MAX * 1000) - 1
    assert leases.lowest_floor_hlc() == 5
    clock.now_ms += 1
    assert leases.lowest_floor_hlc() is None
    assert leases.lowest_floor_hlc() is None
    assert len(caplog.records) == 1

    lease.publish(5)
    assert leases.lowest_floor_hlc() == 5
    lease.close()


@given(st.integers(0, (1 << 64) - 1), st.integers(0, (1 << 64) - 1))
def test_a_lease_reads_back_as_written(floor_hlc: int, publication: int) -> None:
    """And one that is not whole says nothing."""
    data = encode_lease(floor_hlc, publication)

    assert decode_lease(data) == (floor_hlc, publication)
    assert len(data) == LEASE_SIZE_BYTES
    assert decode_lease(data[:-1]) is None
    assert decode_lease(data[:8] + bytes([data[8] ^ 1]) + data[9:]) is None


def test_a_lease_caught_while_it_is_written_holds_everything(
    tmp_path: Path, leases: LeaseFiles
) -> None:
    """Until it can be read."""
    lease = _lease(tmp_path, "one")
    lease.publish(30)
    path = tmp_path / "leases/one"
    whole = path.read_bytes()
    path.write_bytes(whole[:10])
    assert leases.lowest_floor_hlc() == 0

    path.write_bytes(whole)
    assert leases.lowest_floor_hlc() == 30
    lease.close()
