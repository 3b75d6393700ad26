"""`rucket repair log`, as an operator meets it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from rucket.daemon.preflight import prepare_data_directory
from rucket.disk.os_disk import OsDisk
from rucket.store.wal.inspection import read_segments
from tests.storage.bitrot.image import Image, make_image

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.command_line import CommandLine


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """A data directory in memory."""
    return make_image(tmp_path_factory.mktemp("image") / "data")


@pytest.fixture
def data_dir(image: Image, tmp_path: Path) -> Path:
    """A data directory."""
    image.write(tmp_path / "data")
    return tmp_path / "data"


def _damage(data_dir: Path) -> int:
    """Damages a frame in the middle of the newest segment; says which record it begins with."""
    reading = list(read_segments(OsDisk(), str(data_dir / "wal")))[-1]
    offset, frame = reading.frames[len(reading.frames) // 2]
    path = data_dir / "wal" / reading.name
    data = bytearray(path.read_bytes())
    data[offset + 60] ^= 1
    path.write_bytes(data)
    return frame.first_sequence_number


def _log(data_dir: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (data_dir / "wal").iterdir()}


def test_a_whole_log_is_left_alone(command_line: CommandLine, data_dir: Path) -> None:
    """Exit code 0, even when it is told to do it."""
    before = _log(data_dir)

    ran = command_line.run("repair", "log", "-d", str(data_dir), "--yes")

    assert (ran.exit_code, _log(data_dir)) == (0, before)
    assert "nothing is to be repaired" in ran.output


@pytest.mark.parametrize("arguments", [[], ["--dry-run"]], ids=["nothing", "dry run"])
def test_nothing_is_changed_without_a_yes(
    command_line: CommandLine, data_dir: Path, arguments: list[str]
) -> None:
    """What is damaged, and what would become of it, is said."""
    number = _damage(data_dir)
    before = _log(data_dir)

    ran = command_line.run("repair", "log", "-d", str(data_dir), *arguments)

    assert (ran.exit_code, _log(data_dir)) == (1, before)
    assert f"record {number}, at byte" in ran.output
    assert f"kept      records {number + 1} to 71" in ran.output
    assert "no record is given up that the index doesn't show" in ran.output
    assert "--yes does it" in ran.output


def test_a_yes_repairs_and_keeps_the_old_log(command_line: CommandLine, data_dir: Path) -> None:
    """Verify finds nothing wrong afterwards."""
    _damage(data_dir)
    before = _log(data_dir)

    ran = command_line.run("repair", "log", "-d", str(data_dir), "--yes")

    assert ran.exit_code == 0
    assert "the old segments are in wal-replaced/1" in ran.output
    replaced = data_dir / "wal-replaced" / "1"
    assert {path.name: path.read_bytes() for path in replaced.iterdir()} == before
    assert command_line.run("verify", "-d", str(data_dir)).exit_code == 0


def test_every_record_that_is_given_up_is_named(command_line: CommandLine, data_dir: Path) -> None:
    """Without an index to show them, those behind the damage are lost, readable or not."""
    number = _damage(data_dir)
    for path in (data_dir / "index").iterdir():
        path.unlink()

    ran = command_line.run("repair", "log", "-d", str(data_dir))

    assert "index     it can't be read" in ran.output
    assert f"GIVEN UP  records {number} to {number}: nobody can read them" in ran.output
    for lost in range(number + 1, 72):
        assert f"GIVEN UP  record {lost}  " in ran.output


def test_a_log_in_use_is_not_repaired(command_line: CommandLine, data_dir: Path) -> None:
    """Exit code 2; nor is a directory that holds none."""
    _damage(data_dir)
    lock = prepare_data_directory(data_dir)
    try:
        ran = command_line.run("repair", "log", "-d", str(data_dir), "--yes")
    finally:
        os.close(lock)

    assert ran.exit_code == 2
    assert "stop it first" in ran.errors
    assert command_line.run("repair", "log", "-d", str(data_dir.parent)).exit_code == 2


def test_yes_and_dry_run_contradict_each_other(command_line: CommandLine, data_dir: Path) -> None:
    """A script that says both doesn't know what it wants."""
    ran = command_line.run("repair", "log", "-d", str(data_dir), "--yes", "--dry-run")

    assert ran.exit_code == 2
