"""Repairing the log of a data directory. Source: docs/operations/integrity.md."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING

import pytest

from rucket.daemon.data_directory import DataDirectory
from rucket.daemon.offline_check import verify_data_directory
from rucket.daemon.offline_log_repair import LogRepairer
from rucket.disk.os_disk import OsDisk
from rucket.model.errors import CorruptionError, DataDirectoryError, DeviceError
from rucket.runtime.system import SystemClock, SystemRandom
from rucket.store.wal.inspection import read_segments
from tests.storage.bitrot.image import Image, make_image, opened, rows_of

if TYPE_CHECKING:
    from pathlib import Path

    from rucket.disk.os_file import OsFile
    from tests.storage.bitrot.image import RowKey, Stored

_SEGMENT_SIZE_BYTES = 1 << 20


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """A data directory in memory."""
    return make_image(tmp_path_factory.mktemp("image") / "data")


@pytest.fixture
def data_dir(image: Image, tmp_path: Path) -> Path:
    """A data directory."""
    image.write(tmp_path / "data")
    return tmp_path / "data"


def _repairer(data_dir: Path, disk: OsDisk | None = None) -> LogRepairer:
    return LogRepairer(disk or OsDisk(), str(data_dir), SystemRandom(), _SEGMENT_SIZE_BYTES)


def _newest(data_dir: Path) -> Path:
    return max((data_dir / "wal").glob("*.wal"))


def _frame_offsets(data_dir: Path) -> list[int]:
    """Those of the newest segment."""
    reading = list(read_segments(OsDisk(), str(data_dir / "wal")))[-1]
    return [offset for offset, _ in reading.frames]


def _damage(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def _recovered(data_dir: Path) -> dict[RowKey, Stored]:
    async def scenario() -> dict[RowKey, Stored]:
        async with opened(data_dir) as (_, index):
            return rows_of(index)

    return asyncio.run(scenario())


def _files(data_dir: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(data_dir)): path.read_bytes()
        for path in data_dir.rglob("*")
        if path.is_file() and "index" not in path.parts
    }


def test_a_log_that_is_whole_needs_no_repair(data_dir: Path) -> None:
    """Even with a tail that a crash cut off."""
    newest = _newest(data_dir)
    data = bytearray(newest.read_bytes())
    last = len(bytes(data).rstrip(b"\0"))
    data[last + 8192 : last + 8200] = b"any tail"
    newest.write_bytes(data)

    assert _repairer(data_dir).plan().salvage is None


def test_damage_that_the_index_has_survived_costs_nothing(image: Image, data_dir: Path) -> None:
    """The start is refused; the repair keeps every row, and the old log."""
    offsets = _frame_offsets(data_dir)
    _damage(_newest(data_dir), offsets[len(offsets) // 2] + 60)
    damaged = _files(data_dir)
    with pytest.raises(CorruptionError, match="rucket repair log"):
        _recovered(data_dir)

    repairer = _repairer(data_dir)
    repair = repairer.plan()

    assert repair.salvage is not None
    assert (repair.salvage.given_up, repair.salvage.lost) == ((), ())
    assert repair.given_up == []
    assert "it was acknowledged and is lost" in repair.problems[0][1]
    assert _files(data_dir) == damaged, "a plan changes nothing"

    repairer.carry_out(repair)

    assert _recovered(data_dir) == image.rows
    assert verify_data_directory(data_dir, None).problems == []
    for name, content in damaged.items():
        if name.startswith("wal/"):
            assert (data_dir / repair.replaced / name[4:]).read_bytes() == content


def test_what_the_index_lacks_behind_the_damage_is_given_up_and_named(
    image: Image, data_dir: Path
) -> None:
    """An index that has to be built again shows what came before the damage."""
    offsets = _frame_offsets(data_dir)
    readings = list(read_segments(OsDisk(), str(data_dir / "wal")))
    place = len(offsets) // 2
    lost = readings[-1].frames[place][1]
    last = readings[-1].frames[-1][1].last_sequence_number
    _damage(_newest(data_dir), offsets[place] + 60)
    shutil.rmtree(data_dir / "index")
    (data_dir / "index").mkdir()

    repairer = _repairer(data_dir)
    repair = repairer.plan()
    assert repair.salvage is not None
    repairer.carry_out(repair)

    assert repair.applied is None
    assert "there is no index" in repair.index_problem
    assert repair.salvage.lost == ((lost.first_sequence_number, lost.last_sequence_number),)
    numbers = [entry.sequence_number for entry in repair.given_up]
    assert numbers == list(range(lost.last_sequence_number + 1, last + 1))
    rows = _recovered(data_dir)
    assert rows
    assert rows != image.rows
    assert _repairer(data_dir).plan().salvage is None


def test_a_log_that_is_gone_begins_behind_the_index(image: Image, data_dir: Path) -> None:
    """The index is all there is; nothing that it shows is given up."""
    for path in (data_dir / "wal").iterdir():
        path.unlink()

    repairer = _repairer(data_dir)
    repair = repairer.plan()
    assert repair.salvage is not None
    repairer.carry_out(repair)

    assert repair.salvage.first_sequence_number == (repair.applied or 0) + 1
    assert _recovered(data_dir) == image.rows


def test_a_missing_segment_is_repaired(image: Image, data_dir: Path) -> None:
    """The log begins behind it; the index shows what it held."""
    names = sorted(path.name for path in (data_dir / "wal").iterdir())
    (data_dir / "wal" / names[1]).unlink()

    repairer = _repairer(data_dir)
    repair = repairer.plan()
    assert repair.salvage is not None
    repairer.carry_out(repair)

    assert _recovered(data_dir) == image.rows
    assert verify_data_directory(data_dir, None).problems == []


class _DyingDisk(OsDisk):
    """A disk that refuses everything from some change on."""

    def __init__(self, changes_left: int) -> None:
        self.changes_left = changes_left

    def _change(self) -> None:
        if self.changes_left == 0:
            raise DeviceError("it has died")
        self.changes_left -= 1

    def create(self, path: str) -> OsFile:
        """See `Disk.create`."""
        self._change()
        return super().create(path)

    def rename(self, source: str, target: str) -> None:
        """See `Disk.rename`."""
        self._change()
        super().rename(source, target)

    def remove(self, path: str) -> None:
        """See `Disk.remove`."""
        self._change()
        super().remove(path)

    def sync_directory(self, path: str) -> None:
        """See `Disk.sync_directory`."""
        self._change()
        super().sync_directory(path)


def test_an_interrupted_repair_is_finished_by_the_next(image: Image, tmp_path: Path) -> None:
    """Whenever it was interrupted: the old log or the new one is whole, and in between no server
    starts.
    """
    refused_count = 0
    for changes in range(100):
        data_dir = tmp_path / f"data{changes}"
        image.write(data_dir)
        offsets = _frame_offsets(data_dir)
        _damage(_newest(data_dir), offsets[len(offsets) // 2] + 60)
        repairer = _repairer(data_dir, _DyingDisk(changes))
        try:
            repairer.carry_out(repairer.plan())
        except DeviceError:
            pass
        else:
            break
        if not (data_dir / "wal").exists():
            refused_count += 1
            with pytest.raises(DataDirectoryError, match="repair log"):
                DataDirectory(str(data_dir), OsDisk()).prepare(SystemClock(), SystemRandom())
        again = _repairer(data_dir)
        repair = again.plan()
        if repair.salvage is not None:
            again.carry_out(repair)

        assert _recovered(data_dir) == image.rows
        assert verify_data_directory(data_dir, None).problems == []
        shutil.rmtree(data_dir)

    assert 5 < changes < 100
    assert refused_count > 0
