"""Power cuts while a backup is made over another one: what is left is the old one, whole, or the
new one, whole; a backup that has come to its end stays, also where one before it was killed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rucket.daemon.backup import BackupSource, write_backup
from rucket.daemon.offline_check import no_progress
from rucket.daemon.restore import verify_backup
from rucket.model.errors import CorruptionError
from rucket.model.names import BlobId
from rucket.ports.index import Table
from rucket.state.rows import put_applied_position
from rucket.store.backup_manifest import read_manifest
from tests.storage.images import Camera, Image, blank_image, restore
from tests.storage.power_cuts import LostError
from tests.storage.survivors import Thoroughness, after_power_cut
from tests.storage.sync_sites import Site, SyncWatcher, sites_in_source
from tests.unit.fake_blobs import FakeBlobs
from tests.unit.fakes import FakeIndex

if TYPE_CHECKING:
    from collections.abc import Callable

    from rucket.ports.disk import Disk

    Wrap = Callable[[Disk], Disk]

_DIRECTORY = "/backup"
_THOROUGHNESS = Thoroughness(single_sectors=False, mixture_count=3, every_commit=False)
_OLD_POSITION, _NEW_POSITION = 10, 20
_READING = ("read", "open", "list", "size", "look", "free", "try", "go on")

SITES = sites_in_source(
    "daemon/backup.py",
    "daemon/backup_files.py",
    "store/small_documents.py",
    "store/checkpoints/files.py",
    "store/blobs/file_blobs.py",
)


def _blob_id(number: int) -> BlobId:
    return BlobId(bytes([number]) * 16)


def _source(position: int, blob_numbers: list[int], key: bytes) -> BackupSource:
    index, blobs = FakeIndex(), FakeBlobs()
    with index.transaction() as transaction:
        put_applied_position(transaction, position, position << 16)
        for number in blob_numbers:
            transaction.put(Table.BLOB_REFERENCES, _blob_id(number), b"\1")
            blobs.finished[_blob_id(number)] = bytes([number]) * 700
    files = {"rucket.json": b"identity", "keys/list": key, f"keys/{key.decode()}": key}
    return BackupSource("node", 1, files, None, index, blobs)


def _old() -> BackupSource:
    return _source(_OLD_POSITION, [1, 2], b"old")


def _new() -> BackupSource:
    return _source(_NEW_POSITION, [2, 3], b"new")


def _same(disk: Disk) -> Disk:
    return disk


def _moments(image: Image, seed: str, source: BackupSource, wrap: Wrap = _same) -> list[Image]:
    """What the disk holds before every operation that changes it, and at the end."""
    machine, index_file = restore(image, seed)
    camera = Camera(machine, index_file)
    images: list[Image] = []
    disk = machine.device.attach(machine.start("command"))

    def pass_(what: str) -> None:
        if not what.startswith(_READING):
            images.append(camera.take())

    machine.device.crash_point = pass_
    write_backup(wrap(disk), _DIRECTORY, source, no_progress, skip_damaged=False)
    images.append(camera.take())
    return images


def _judge(image: Image, positions: set[int], where: str) -> None:
    machine, _ = restore(image, "look")
    disk = machine.device.attach(machine.start("look"))
    try:
        position = read_manifest(disk, _DIRECTORY).position
    except FileNotFoundError as error:
        raise LostError(f"{where}: there is no backup") from error
    report = verify_backup(Path(_DIRECTORY), no_progress, disk)
    if position not in positions or report.problems:
        raise LostError(f"{where}: record {position}, {report.problems}")


def _cut_everywhere(wrap: Wrap) -> int:
    """Cuts a backup over another one, and one after another that was killed; counts the states."""
    count = 0
    blank = blank_image(("/", _DIRECTORY))
    old = _moments(blank, "old", _old())[-1]
    settled = [survivor.image for survivor in after_power_cut(old, _THOROUGHNESS, "old")]
    for image in settled:
        _judge(image, {_OLD_POSITION}, "old")
    images = _moments(settled[0], "new", _new(), wrap)
    for number, image in enumerate(images):
        is_done = image is images[-1]
        positions = {_NEW_POSITION} if is_done else {_OLD_POSITION, _NEW_POSITION}
        for survivor in after_power_cut(image, _THOROUGHNESS, number):
            count += 1
            _judge(survivor.image, positions, f"moment {number}, {survivor.label}")
        end = _moments(image, f"again {number}", _new(), wrap)[-1]
        for survivor in after_power_cut(end, _THOROUGHNESS, number):
            count += 1
            _judge(survivor.image, {_NEW_POSITION}, f"killed at {number}, {survivor.label}")
    return count


def test_a_backup_is_the_old_one_or_the_new_one_whatever_is_cut() -> None:
    """And one that has come to its end stays."""
    assert _cut_everywhere(_same) > 100


@pytest.mark.parametrize("site", SITES, ids=map(str, SITES))
def test_each_sync_of_a_backup_is_needed(site: Site) -> None:
    """One that is left out is caught."""

    def decide(called: Site, call: Callable[[], None]) -> None:
        if called != site:
            call()

    with pytest.raises((LostError, CorruptionError)):
        _cut_everywhere(lambda disk: SyncWatcher(disk, decide))
