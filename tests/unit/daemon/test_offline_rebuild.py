"""`rucket rebuild-index` and `rucket repair accept-index`, on what the store has written."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING

import pytest

from rucket.daemon.data_directory import DataDirectory
from rucket.daemon.offline_acceptance import accept_index
from rucket.daemon.offline_check import no_progress, verify_data_directory
from rucket.daemon.offline_rebuild import RebuildChoice, rebuild_index
from rucket.disk.os_disk import OsDisk
from rucket.model.errors import (
    ConfigurationError,
    CorruptionError,
    DataDirectoryError,
    StorageFullError,
)
from rucket.model.records import Content, ObjectMetadata
from rucket.ports.index import Table
from rucket.state.commands import PutObject
from rucket.state.rows import applied_position
from rucket.store.checkpoints.files import list_checkpoints
from rucket.store.checkpoints.keeping import CheckpointKeeper
from rucket.store.index.sqlite_index import SqliteIndexReader
from tests.storage.bitrot.image import Image, RowKey, Stored, make_image, opened, rows_of

if TYPE_CHECKING:
    from pathlib import Path

    from rucket.model.records import Record

AGAIN = RebuildChoice()


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """A data directory in memory."""
    return make_image(tmp_path_factory.mktemp("image") / "data")


@pytest.fixture
def data_dir(image: Image, tmp_path: Path) -> Path:
    """A data directory."""
    image.write(tmp_path / "data")
    return tmp_path / "data"


def _rows(data_dir: Path) -> dict[RowKey, Stored]:
    reader = SqliteIndexReader(str(data_dir / "index/index.db"))
    try:
        return rows_of(reader)
    finally:
        reader.close()


def _started(data_dir: Path, *commands: Record) -> dict[RowKey, Stored]:
    """What a start shows, after some commands."""

    async def scenario() -> dict[RowKey, Stored]:
        async with opened(data_dir) as (store, index):
            for command in commands:
                await store.commit(command)
            return rows_of(index)

    return asyncio.run(scenario())


def _take_checkpoint(data_dir: Path) -> None:
    directory = DataDirectory(str(data_dir), OsDisk())
    reader = SqliteIndexReader(directory.index)
    CheckpointKeeper(OsDisk(), directory.checkpoints, reader).take()
    reader.close()


def _put(number: int) -> PutObject:
    metadata = ObjectMetadata(b"", 0, 1, "etag", "a" * 64)
    return PutObject(number.to_bytes(16, "big"), 1, f"new-{number}", metadata, Content(b"x"))


def _position(data_dir: Path) -> int:
    reader = SqliteIndexReader(str(data_dir / "index/index.db"))
    with reader.snapshot() as snapshot:
        position, _ = applied_position(snapshot)
    reader.close()
    return position


def _empty(directory: Path) -> None:
    for path in directory.iterdir():
        path.unlink()


@pytest.mark.parametrize("damage", ["lost", "cut short", "garbage"])
def test_an_index_is_built_again_from_the_log(image: Image, data_dir: Path, damage: str) -> None:
    """Whatever is the matter with the old one: every row is as it was."""
    path = data_dir / "index/index.db"
    if damage == "lost":
        _empty(data_dir / "index")
    else:
        (data_dir / "index/index.db-wal").unlink()
        data = path.read_bytes()
        path.write_bytes(data[:5000] if damage == "cut short" else b"garbage" * 1000)

    rebuilt = rebuild_index(data_dir, AGAIN, no_progress)

    assert (rebuilt.position, rebuilt.checkpoint_position, rebuilt.old_position) == (71, 0, None)
    assert _rows(data_dir) == image.rows
    assert sorted(path.name for path in (data_dir / "index").glob("*.db")) == ["index.db"]
    assert verify_data_directory(data_dir, None).problems == []


def test_an_index_is_built_again_from_a_checkpoint_and_what_the_log_has_after_it(
    data_dir: Path,
) -> None:
    """The log before it may be gone."""
    _take_checkpoint(data_dir)
    rows = _started(data_dir, _put(1), _put(2))
    segments = sorted((data_dir / "wal").glob("*.wal"))
    for path in segments[:3]:
        path.unlink()
    _empty(data_dir / "index")

    rebuilt = rebuild_index(data_dir, AGAIN, no_progress)

    assert (rebuilt.position, rebuilt.checkpoint_position) == (73, 71)
    assert _rows(data_dir) == rows
    with pytest.raises(CorruptionError, match="restore the data directory"):
        rebuild_index(data_dir, RebuildChoice(from_log_alone=True), no_progress)
    assert _rows(data_dir) == rows


def test_a_damaged_checkpoint_is_passed_over(data_dir: Path) -> None:
    """The one before it is used."""
    _take_checkpoint(data_dir)
    _started(data_dir, _put(1))
    _take_checkpoint(data_dir)
    rows = _rows(data_dir)
    newest = max((data_dir / "checkpoints").iterdir())
    data = bytearray(newest.read_bytes())
    data[200] ^= 1
    newest.write_bytes(data)
    report = verify_data_directory(data_dir, None)

    rebuilt = rebuild_index(data_dir, AGAIN, no_progress)

    assert [problem.area for problem in report.problems] == ["checkpoints"]
    assert rebuilt.checkpoint_position == 71
    assert _rows(data_dir) == rows
    with pytest.raises(CorruptionError):
        rebuild_index(data_dir, RebuildChoice(newest), no_progress)


def test_nothing_is_built_that_shows_less_than_was_acknowledged(data_dir: Path) -> None:
    """Unless that is accepted, in so many words."""
    rows = _rows(data_dir)
    newest = max((data_dir / "wal").glob("*.wal"))
    newest.write_bytes(newest.read_bytes()[:4096].ljust(65536, b"\0"))

    with pytest.raises(CorruptionError, match="would lose acknowledged records"):
        rebuild_index(data_dir, AGAIN, no_progress)
    assert _rows(data_dir) == rows
    rebuilt = rebuild_index(data_dir, RebuildChoice(accept_loss=True), no_progress)

    assert rebuilt.position < 71
    assert rebuilt.old_position == 71
    assert _position(data_dir) == rebuilt.position


def test_a_rebuild_that_fails_changes_nothing(data_dir: Path) -> None:
    """A full disk, at whatever step."""
    rows = _rows(data_dir)
    steps = []

    def full(stage: str, done: int, total: int | None) -> None:
        steps.append((stage, done, total))
        raise StorageFullError("no room left")

    with pytest.raises(StorageFullError):
        rebuild_index(data_dir, AGAIN, full)

    assert steps
    assert _rows(data_dir) == rows
    assert not (data_dir / "index/rebuilding.db").exists()


def test_a_rebuild_needs_a_data_directory_and_a_checkpoint_that_is_there(data_dir: Path) -> None:
    """And says which isn't."""
    with pytest.raises(ConfigurationError, match="no data directory"):
        rebuild_index(data_dir / "nothing", AGAIN, no_progress)
    with pytest.raises(ConfigurationError, match="there is no checkpoint"):
        rebuild_index(data_dir, RebuildChoice(data_dir / "no.ckpt"), no_progress)


@pytest.mark.parametrize("lost", ["all of the log", "its newest segment", "what is in that"])
def test_an_index_is_accepted_when_the_log_is_lost(image: Image, data_dir: Path, lost: str) -> None:
    """Every row stays, no sequence number comes twice, and the server takes commands again."""
    newest = max((data_dir / "wal").glob("*.wal"))
    if lost == "all of the log":
        _empty(data_dir / "wal")
    elif lost == "its newest segment":
        newest.unlink()
    else:
        newest.write_bytes(newest.read_bytes()[:4096].ljust(65536, b"\0"))
    with pytest.raises(CorruptionError, match="rucket repair accept-index"):
        _started(data_dir)

    asked = accept_index(data_dir, None, no_progress, is_confirmed=False)
    with pytest.raises(CorruptionError):
        _started(data_dir)
    done = accept_index(data_dir, None, no_progress, is_confirmed=True)

    assert done.next_sequence_number == asked.next_sequence_number == 72
    assert _rows(data_dir) == image.rows
    assert verify_data_directory(data_dir, None).problems == []
    rows = _started(data_dir, _put(1))
    assert _position(data_dir) == 72
    assert {**rows, **image.rows}.keys() == rows.keys()
    _empty(data_dir / "index")
    assert rebuild_index(data_dir, AGAIN, no_progress).checkpoint_position == 71
    assert _rows(data_dir) == rows


def test_records_that_are_given_up_are_said_and_their_numbers_not_used_again(
    data_dir: Path,
) -> None:
    """Damage in the log before records that the index doesn't show."""
    shutil.copytree(data_dir / "index", data_dir / "older")
    _started(data_dir, *map(_put, range(1, 6)))
    shutil.rmtree(data_dir / "index")
    (data_dir / "older").rename(data_dir / "index")
    newest = max((data_dir / "wal").glob("*.wal"))
    data = bytearray(newest.read_bytes())
    data[4096 + 60] ^= 1
    newest.write_bytes(data)

    done = accept_index(data_dir, None, no_progress, is_confirmed=True)

    assert (done.position, done.given_up_last, done.next_sequence_number) == (71, 76, 77)
    assert "can't be read" in done.log_damage
    _started(data_dir, _put(9))
    assert _position(data_dir) == 77


def test_a_whole_log_is_not_given_up(data_dir: Path) -> None:
    """There is nothing to accept."""
    with pytest.raises(DataDirectoryError, match="nothing to accept"):
        accept_index(data_dir, None, no_progress, is_confirmed=True)


def test_a_damaged_index_is_not_accepted(data_dir: Path) -> None:
    """It is checked to its last row before anything is changed."""
    _empty(data_dir / "wal")
    (data_dir / "index/index.db-wal").unlink()
    path = data_dir / "index/index.db"
    data = bytearray(path.read_bytes())
    data[-20:] = bytes(20)
    data[5 * 4096 - 30 : 5 * 4096] = bytes(30)
    path.write_bytes(data)

    with pytest.raises(CorruptionError):
        accept_index(data_dir, None, no_progress, is_confirmed=True)
    assert list((data_dir / "wal").iterdir()) == []


def test_an_accepted_index_has_a_checkpoint(data_dir: Path) -> None:
    """So that it can be built again, though the log doesn't reach back."""
    _empty(data_dir / "wal")
    accept_index(data_dir, None, no_progress, is_confirmed=True)

    found = list_checkpoints(OsDisk(), str(data_dir / "checkpoints"))

    assert [checkpoint.position for checkpoint in found] == [71]
    with SqliteIndexReader(str(data_dir / "index/index.db")).snapshot() as snapshot:
        assert len(snapshot.scan(Table.BUCKETS, b"", None, 10)) == 2
