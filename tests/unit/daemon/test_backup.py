"""Backups: consistent, incremental, verified, and never a half one taken for a whole one."""

from __future__ import annotations

import asyncio
import json
import shutil
from typing import TYPE_CHECKING

import pytest

from rucket.daemon.backup import back_up
from rucket.daemon.backup_files import write_small_files
from rucket.daemon.data_directory import DataDirectory
from rucket.daemon.garbage_gate import GarbageGate
from rucket.daemon.offline_check import no_progress, verify_data_directory
from rucket.daemon.restore import is_backup, restore, verify_backup
from rucket.disk.os_disk import OsDisk
from rucket.model.errors import (
    ConfigurationError,
    CorruptionError,
    DataDirectoryError,
    StorageFullError,
    UnknownFormatError,
)
from rucket.model.records import Content, ObjectMetadata
from rucket.runtime.system import SystemClock, SystemRandom
from rucket.state.commands import DeleteObject, PutObject
from rucket.store.backup_manifest import decode_manifest
from rucket.store.index.sqlite_index import SqliteIndexReader
from tests.storage.bitrot.image import Image, RowKey, Stored, flipped, make_image, opened, rows_of

if TYPE_CHECKING:
    from pathlib import Path

    from rucket.model.records import Record


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """A data directory in memory."""
    return make_image(tmp_path_factory.mktemp("image") / "data")


@pytest.fixture
def data_dir(image: Image, tmp_path: Path) -> Path:
    """A data directory."""
    image.write(tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where a backup goes."""
    return tmp_path / "backup"


def _rows(data_dir: Path) -> dict[RowKey, Stored]:
    reader = SqliteIndexReader(str(data_dir / "index/index.db"))
    try:
        return rows_of(reader)
    finally:
        reader.close()


def _started(data_dir: Path, *commands: Record) -> dict[RowKey, Stored]:
    async def scenario() -> dict[RowKey, Stored]:
        async with opened(data_dir) as (store, index):
            for command in commands:
                await store.commit(command)
            return rows_of(index)

    return asyncio.run(scenario())


def _put(number: int) -> PutObject:
    metadata = ObjectMetadata(b"", 0, 1, "etag", "a" * 64)
    return PutObject(number.to_bytes(16, "big"), 1, f"new-{number}", metadata, Content(b"x"))


def _blob_files(directory: Path) -> dict[str, int]:
    """The blobs of a backup, each with its inode."""
    return {
        path.name: path.stat().st_ino for path in (directory / "blobs").rglob("*") if path.is_file()
    }


def test_a_restored_backup_is_what_was_there(image: Image, data_dir: Path, target: Path) -> None:
    """Every row, every blob, identity and keys; and the server goes on behind it."""
    report = back_up(data_dir, target, no_progress)
    restored = target.parent / "restored"
    restore(target, restored, no_progress)

    assert (report.manifest.position, report.problems) == (71, [])
    assert verify_backup(target, no_progress).problems == []
    assert _rows(restored) == image.rows
    verified = verify_data_directory(restored, None)
    assert verified.problems == []
    assert verified.figures["blobs"]["blobs"] == report.manifest.blob_count == report.copied_count
    for name in ("rucket.json", "keys/sealing.key"):
        assert (restored / name).read_bytes() == image.files[name]
    assert _started(restored, _put(1)).keys() >= image.rows.keys()
    assert verify_data_directory(restored, None).figures["index"]["position"] == 72


def test_a_second_backup_copies_only_what_is_new(data_dir: Path, target: Path) -> None:
    """And lets go of what is no longer named."""
    back_up(data_dir, target, no_progress)
    before = _blob_files(target)
    _started(data_dir, _put(1), DeleteObject(b"d" * 16, 1, "large-1"))

    report = back_up(data_dir, target, no_progress)

    after = _blob_files(target)
    assert report.copied_count == 0
    assert after.items() < before.items()
    assert len(list((target / "checkpoints").iterdir())) == 1
    assert report.manifest.position == 73
    assert verify_backup(target, no_progress).problems == []


def test_a_backup_that_is_interrupted_leaves_the_one_before(
    image: Image, data_dir: Path, target: Path
) -> None:
    """And none, if there was none."""

    def full(stage: str, done: int, total: int | None) -> None:
        del stage, total
        if done == 2:
            raise StorageFullError("no room left")

    with pytest.raises(StorageFullError):
        back_up(data_dir, target, full)
    assert not is_backup(target)
    with pytest.raises(ConfigurationError, match="never completed"):
        restore(target, target.parent / "restored", no_progress)
    back_up(data_dir, target, no_progress)
    _started(data_dir, _put(1))
    with pytest.raises(StorageFullError):
        back_up(data_dir, target, full)

    restore(target, target.parent / "restored", no_progress)

    assert _rows(target.parent / "restored") == image.rows


def test_a_backup_keeps_the_keys_of_before_its_rows(data_dir: Path, target: Path) -> None:
    """A rotation that ends while blobs are copied takes a key off the list that rows still need."""
    register = data_dir / "keys" / "encryption.json"
    register.write_bytes(b"with the old key")

    def rotate(stage: str, done: int, total: int | None) -> None:
        del stage, done, total
        register.write_bytes(b"without it")

    back_up(data_dir, target, rotate)

    assert register.read_bytes() == b"without it"
    assert (target / "files" / "keys" / "encryption.json").read_bytes() == b"with the old key"


def test_an_interrupted_restore_is_no_data_directory(data_dir: Path, target: Path) -> None:
    """No server starts on it, and it isn't restored over."""
    back_up(data_dir, target, no_progress)
    restored = target.parent / "restored"

    def full(stage: str, done: int, total: int | None) -> None:
        raise StorageFullError(f"no room left: {stage} {done} {total}")

    with pytest.raises(StorageFullError):
        restore(target, restored, full)

    with pytest.raises(DataDirectoryError, match=r"no rucket\.json"):
        DataDirectory(str(restored), OsDisk()).prepare(SystemClock(), SystemRandom())
    with pytest.raises(ConfigurationError, match="isn't empty"):
        restore(target, restored, no_progress)


def test_damage_of_the_node_is_not_backed_up_unsaid(
    image: Image, data_dir: Path, target: Path
) -> None:
    """No backup; or one that says what it lacks."""
    blob_id = image.blob_ids[0].hex()
    path = next(data_dir.rglob(blob_id))
    path.write_bytes(flipped(path.read_bytes(), 100, 1))

    with pytest.raises(CorruptionError, match=blob_id):
        back_up(data_dir, target, no_progress)
    assert not is_backup(target)
    report = back_up(data_dir, target, no_progress, skip_damaged=True)

    assert report.manifest.missing_blobs == [blob_id]
    assert verify_backup(target, no_progress).notes
    restore(target, target.parent / "restored", no_progress)
    problems = verify_data_directory(target.parent / "restored", None).problems
    assert [problem.what for problem in problems] == [f"blob {blob_id}"]


def test_damage_of_a_backup_is_found(data_dir: Path, target: Path, tmp_path: Path) -> None:
    """Whatever file it is in, by verify and by restore."""
    back_up(data_dir, target, no_progress)
    files = [path for path in target.rglob("*") if path.is_file() and path.name != "LOCK"]
    for number, path in enumerate(files):
        data = path.read_bytes()
        path.write_bytes(flipped(data, len(data) // 2, 1))
        assert verify_backup(target, no_progress).problems, path
        with pytest.raises((CorruptionError, UnknownFormatError)):
            restore(target, tmp_path / f"damaged-{number}", no_progress)
        path.unlink()
        if path.name != "manifest.json":
            assert verify_backup(target, no_progress).problems, path
        path.write_bytes(data)
    assert verify_backup(target, no_progress).problems == []
    assert len(files) > 5


def test_wrong_directories_are_refused(data_dir: Path, target: Path, tmp_path: Path) -> None:
    """Each with what to do."""
    with pytest.raises(ConfigurationError, match="no data directory"):
        back_up(tmp_path / "nothing", target, no_progress)
    with pytest.raises(ConfigurationError, match="belongs elsewhere"):
        back_up(data_dir, data_dir / "backup", no_progress)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/file").write_bytes(b"mine")
    with pytest.raises(ConfigurationError, match="no part of a backup"):
        back_up(data_dir, tmp_path / "other", no_progress)
    back_up(data_dir, target, no_progress)
    with pytest.raises(ConfigurationError, match="isn't empty"):
        restore(target, data_dir, no_progress)
    shutil.rmtree(data_dir)
    data_dir.mkdir()
    DataDirectory(str(data_dir), OsDisk()).prepare(SystemClock(), SystemRandom())
    with pytest.raises(ConfigurationError, match="another node"):
        back_up(data_dir, target, no_progress)


def test_garbage_waits_for_backups(tmp_path: Path) -> None:
    """For all of them; and only for those that live."""
    gate = GarbageGate(str(tmp_path / "state/garbage.lock"))
    seen = []
    with gate.passed() as is_open:
        seen.append(is_open)
    with gate.closed(), gate.closed(), gate.passed() as is_open:
        seen.append(is_open)
    with gate.passed() as is_open:
        seen.append(is_open)

    assert seen == [True, False, True]


def test_a_newer_manifest_is_refused(data_dir: Path, target: Path) -> None:
    """And not guessed."""
    back_up(data_dir, target, no_progress)
    document = json.loads((target / "manifest.json").read_bytes())
    document["format_version"] = 2

    with pytest.raises(UnknownFormatError):
        decode_manifest(json.dumps(document).encode(), "manifest")


def test_an_interrupted_backup_leaves_the_small_files_of_the_one_before(
    data_dir: Path, target: Path
) -> None:
    """A list of keys that has changed since stays what the old manifest speaks of."""
    (data_dir / "keys").mkdir(exist_ok=True)
    listed = data_dir / "keys/listed"
    listed.write_bytes(b"old")
    back_up(data_dir, target, no_progress)
    listed.write_bytes(b"new")

    write_small_files(OsDisk(), str(target), {"keys/listed": b"new"})

    assert verify_backup(target, no_progress).problems == []
    back_up(data_dir, target, no_progress)
    assert (target / "files/keys/listed").read_bytes() == b"new"
    assert [path.name for path in (target / "files/keys").glob("listed*")] == ["listed"]
    assert verify_backup(target, no_progress).problems == []
