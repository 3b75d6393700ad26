"""What a start with ``storage.wal.recovery = "full"`` refuses, though a light one would not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from rucket.daemon.data_directory import DataDirectory
from rucket.daemon.full_recovery import check_fully
from rucket.disk.os_disk import OsDisk
from rucket.model.errors import CorruptionError
from tests.storage.bitrot.image import Image, make_image, opened

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """A data directory in memory."""
    return make_image(tmp_path_factory.mktemp("image") / "data")


def _check(data_dir: Path) -> None:
    directory = DataDirectory(str(data_dir), OsDisk())
    check_fully(OsDisk(), directory, directory.read_sealing_key())


def test_what_is_whole_is_accepted(image: Image, tmp_path: Path) -> None:
    """With an index, and without one: that is built from the log."""
    image.write(tmp_path)
    _check(tmp_path)

    for path in (tmp_path / "index").iterdir():
        path.unlink()

    _check(tmp_path)


async def _starts(data_dir: Path) -> bool:
    async with opened(data_dir):
        return True


def test_damage_that_a_light_start_does_not_see_is_refused(image: Image, tmp_path: Path) -> None:
    """A segment of which the index has everything."""
    name = min(name for name in image.files if name.startswith("wal/"))
    image.write(tmp_path, name, 4096 + 60, 1)
    with pytest.raises(CorruptionError, match=name):
        _check(tmp_path)

    assert asyncio.run(_starts(tmp_path))


def test_a_damaged_row_is_refused(image: Image, tmp_path: Path) -> None:
    """Though nobody has asked for it."""
    name = "index/index.db"
    row = next(v for v, _ in image.rows.values() if len(v) > 40 and v in image.files[name])
    image.write(tmp_path, name, image.files[name].index(row) + 20, 1)
    (tmp_path / "index/index.db-wal").unlink()

    with pytest.raises(CorruptionError, match="rucket verify"):
        _check(tmp_path)


def test_an_index_of_another_log_is_refused(image: Image, tmp_path: Path) -> None:
    """It shows as many records, but not these."""
    other = make_image(tmp_path / "other", seed=2)
    image.write(tmp_path / "data")
    for name, content in other.files.items():
        if name.startswith("wal/"):
            (tmp_path / "data" / name).write_bytes(content)

    with pytest.raises(CorruptionError, match=r"but not record"):
        _check(tmp_path / "data")
