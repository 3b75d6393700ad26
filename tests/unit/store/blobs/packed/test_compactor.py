"""Compaction: room comes back, blobs stay."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rucket.model.errors import CorruptionError
from rucket.store.blobs.packed.inspection import check_all_segments
from tests.unit.store.blobs.packed.packed_device import PackedDevice, close, flip, list_all, read

if TYPE_CHECKING:
    from rucket.model.names import BlobId
    from rucket.store.blobs.packed.packed_blobs import PackedBlobs


@pytest.fixture
def device(tmp_path: Path) -> PackedDevice:
    return PackedDevice(tmp_path / "packed")


def _fill(device: PackedDevice, count: int = 60, size_bytes: int = 5000) -> list[BlobId]:
    """Blobs in sealed segments."""
    blob_ids = [device.put(size_bytes) for _ in range(count)]
    device.restart()
    return blob_ids


def _no_progress(done: int, total: int) -> None:
    pass


def _used_bytes(device: PackedDevice) -> int:
    return sum(path.stat().st_size for path in device.segment_paths())


def test_room_of_deleted_blobs_comes_back(device: PackedDevice) -> None:
    """Segments that are dead enough go; their blobs are found by their ids as before."""
    for place, blob_id in enumerate(_fill(device)):
        if place % 4:
            device.delete(blob_id)
    before = _used_bytes(device)

    device.compact()

    assert _used_bytes(device) < before / 2
    device.check()
    assert device.observer.freed_bytes > device.observer.copied_bytes > 0


def test_segments_of_nobody_with_nothing_alive_are_removed(device: PackedDevice) -> None:
    """Also those that a process left without ever writing into them."""
    for blob_id in _fill(device):
        device.delete(blob_id)

    device.compact()

    assert device.segment_paths() == []
    assert device.map_paths() == []


def test_a_segment_that_is_being_written_is_left_alone(device: PackedDevice) -> None:
    """However dead it is, until its process gives it up."""
    blob_id = device.put(100)
    device.delete(blob_id)
    device.compact()
    assert device.segment_paths()

    close(device.blobs)
    device.compact()

    assert not device.segment_paths()


def test_blobs_move_again_and_again(device: PackedDevice) -> None:
    """Maps follow them; maps without entries go."""
    source = random.Random(4)
    for _ in range(6):
        _fill(device, 30)
        for blob_id in source.sample(sorted(device.bodies), len(device.bodies) // 2):
            device.delete(blob_id)
        device.compact(0.2)
        device.check()

    for blob_id in sorted(device.bodies):
        device.delete(blob_id)
    device.restart()
    device.compact()
    device.compact()

    assert device.segment_paths() == []
    assert device.map_paths() == []


def test_a_reader_that_has_a_moved_blob_open_reads_on(device: PackedDevice) -> None:
    """And lets go of the old segment when told to."""
    blob_ids = _fill(device)
    kept = blob_ids[5]
    reader = device.blobs.open(kept)
    for blob_id in blob_ids:
        if blob_id != kept:
            device.delete(blob_id)

    device.compact()

    assert not device.segment_of(kept).exists()
    assert reader.read(0, 5000) == device.bodies[kept]
    reader.close()
    device.blobs.close_removed()
    device.check()


def test_lost_maps_are_built_again_from_the_segments(device: PackedDevice) -> None:
    """Removed or damaged: a check tells, reads fail, and the next compactor mends it."""
    for place, blob_id in enumerate(_fill(device)):
        if place % 3:
            device.delete(blob_id)
    device.compact()
    maps = device.map_paths()
    assert len(maps) > 2
    maps[0].unlink()
    flip(maps[1], 30)
    device.restart()
    check = check_all_segments(device.start(), _no_progress)
    assert len(check.problems) == 1
    assert {segment_id.hex() for segment_id in check.lost} == {maps[0].name, maps[1].name}
    lost = check.lost[bytes.fromhex(maps[0].name)][0]
    with pytest.raises(FileNotFoundError):
        device.blobs.open(lost)  # type: ignore[arg-type]

    device.compact()

    device.check()
    assert check_all_segments(device.start(), _no_progress).problems == []


@pytest.mark.parametrize("is_known", [True, False], ids=["known by heart", "forgotten"])
@pytest.mark.parametrize("is_missing", [True, False], ids=["missing", "damaged"])
def test_maps_are_mended_while_the_compactor_runs(
    device: PackedDevice, *, is_known: bool, is_missing: bool
) -> None:
    """It doesn't have to start again for that."""
    for place, blob_id in enumerate(_fill(device, 60)):
        if place % 2:
            device.delete(blob_id)
    compactor = device.compactor()
    for _ in range(3):
        while compactor.step():
            pass
    paths = device.map_paths()
    assert len(paths) > 2
    if not is_known:
        compactor._blobs.moved._kept.clear()
    if is_missing:
        paths[1].unlink()
    else:
        flip(paths[1], 30)
    device.restart()
    for _ in range(2):
        while compactor.step():
            pass

    device.restart()
    device.check()


def test_a_flipped_byte_of_a_map_leads_nowhere(device: PackedDevice) -> None:
    """Any byte: what it says isn't believed."""
    for place, blob_id in enumerate(_fill(device)):
        if place % 3:
            device.delete(blob_id)
    device.compact()
    path = device.map_paths()[0]
    moved = [found for found in device.bodies if found[2:8].hex() == path.name]
    for offset in range(path.stat().st_size):
        flip(path, offset, 0x11)
        blobs = device.start()
        for blob_id in moved:
            with pytest.raises(CorruptionError):
                blobs.open(blob_id)
        flip(path, offset, 0x11)

    device.check()


def test_a_segment_with_a_damaged_blob_is_kept(device: PackedDevice) -> None:
    """The scrubber has to look at it first; when it is in quarantine, the rest moves."""
    blob_ids = _fill(device, 8)
    damaged = blob_ids[2]
    path = device.segment_of(damaged)
    at = int.from_bytes(damaged[8:12], "big") * 4096
    flip(path, at + 1000)
    for blob_id in blob_ids[3:]:
        device.delete(blob_id)

    device.compact()

    assert path.exists()
    with pytest.raises(CorruptionError):
        read(device.blobs, damaged)
    device.delete(damaged)
    device.compact()
    assert not path.exists()
    device.check()


@pytest.mark.parametrize("offset", [0, 2, 13, 20])
def test_a_segment_with_a_record_that_rows_name_but_no_walk_sees_is_kept(
    device: PackedDevice, offset: int
) -> None:
    """Its header is damaged, or even its magic: it isn't taken for dead."""
    blob_ids = _fill(device, 8)
    damaged = blob_ids[2]
    path = device.segment_of(damaged)
    for blob_id in blob_ids[3:]:
        device.delete(blob_id)
    flip(path, int.from_bytes(damaged[8:12], "big") * 4096 + offset)

    device.compact()

    assert path.exists()
    device.delete(damaged)
    device.compact()
    assert not path.exists()
    device.check()


def test_a_moved_record_that_no_walk_sees_is_kept(device: PackedDevice) -> None:
    """Maps lead to it: its segment isn't taken for dead."""
    blob_ids = _fill(device)
    for place, blob_id in enumerate(blob_ids):
        if place % 2:
            device.delete(blob_id)
    device.compact()
    damaged = min(device.bodies)
    place_now = device.blobs.current_place(damaged)
    path = Path(device.blobs.directory.segment_path(place_now.segment_id))
    flip(path, place_now.offset_bytes + 1)
    for blob_id in sorted(device.bodies)[1:]:
        device.delete(blob_id)

    device.compact()

    assert path.exists()


def test_a_copy_of_what_is_deleted_meanwhile_is_buried(device: PackedDevice) -> None:
    """Whenever in a compaction a blob is deleted, it doesn't come back."""
    blob_ids = _fill(device, 40)
    for blob_id in blob_ids[::2]:
        device.delete(blob_id)
    compactor = device.compactor()
    running = compactor._pass()
    for step, _ in enumerate(running):
        if step % 5 == 0 and device.bodies:
            device.delete(min(device.bodies))

    assert list_all(device.blobs, 9) == sorted(device.bodies)


_KILLED_COMPACTOR = """
import os, sys
from pathlib import Path
from rucket.disk.os_disk import OsDisk
from tests.unit.store.blobs.packed import packed_device

class Disk(OsDisk):
    left = int(sys.argv[2])
    def begin(self):
        self.left -= 1
        if self.left < 0:
            os.kill(os.getpid(), 9)
    def create_unnamed(self, directory): self.begin(); return super().create_unnamed(directory)
    def rename(self, source, target): self.begin(); super().rename(source, target)
    def sync_directory(self, path): self.begin(); super().sync_directory(path)
    def remove(self, path): self.begin(); super().remove(path)
    def create(self, path): self.begin(); return super().create(path)

disk = Disk()
disk.left = 10**9
device = packed_device.PackedDevice(Path(sys.argv[1]), disk)
device.bodies = dict.fromkeys(map(bytes.fromhex, sys.argv[3:]), b"")
disk.left = int(sys.argv[2])
device.compact()
"""


def test_a_compactor_that_is_killed_anywhere_loses_nothing(device: PackedDevice) -> None:
    """kill -9 before every operation on names, one after the other; the next one goes on."""
    for place, blob_id in enumerate(_fill(device, 30)):
        if place % 3:
            device.delete(blob_id)
    named = [blob_id.hex() for blob_id in sorted(device.bodies)]
    statuses = []
    for count in (0, 2, 3, 5, 7, 11):
        arguments = [str(device.directory), str(count), *named]
        finished = subprocess.run(
            [sys.executable, "-c", _KILLED_COMPACTOR, *arguments], check=False, timeout=60
        )
        statuses.append(finished.returncode)
        device.check()

    device.compact()

    device.check()
    assert -9 in statuses
    assert set(statuses) <= {-9, 0}


class _Client:
    """Reads, writes and deletes in a thread, as a gateway does, until told to stop."""

    def __init__(self, device: PackedDevice, lock: threading.Lock, seed: int) -> None:
        self._device = device
        self._lock = lock
        self._source = random.Random(seed)
        self.stop = False
        self.read_count = 0
        self.failure: BaseException | None = None
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        blobs = self._device.start()
        try:
            while not self.stop:
                self._read(blobs)
                self.read_count += 1
                self._change()
                if self._source.random() < 0.05:
                    blobs.close_removed()
        except BaseException as error:  # noqa: BLE001 - shown by the test
            self.failure = error

    def _read(self, blobs: PackedBlobs) -> None:
        with self._lock:
            blob_id = self._source.choice(list(self._device.bodies))
            body = self._device.bodies[blob_id]
        try:
            assert read(blobs, blob_id) == body
        except FileNotFoundError:
            with self._lock:
                assert blob_id not in self._device.bodies

    def _change(self) -> None:
        with self._lock:
            if self._source.random() < 0.3:
                self._device.put(self._source.randrange(1, 9000))
            if self._source.random() < 0.3:
                self._device.delete(self._source.choice(list(self._device.bodies)))


def test_reads_and_writes_go_on_while_everything_is_compacted(device: PackedDevice) -> None:
    """No read fails or is wrong, with readers, writers and deletions in threads, however little of
    the machine these get.
    """
    _fill(device, 120, 3000)
    lock = threading.Lock()
    clients = [_Client(device, lock, seed) for seed in range(3)]
    compactor = device.compactor(0.1)
    pass_count = 0
    while not any(client.failure for client in clients) and (
        pass_count < 15
        or not device.observer.copied_bytes
        or any(client.read_count < 50 for client in clients)
    ):
        while compactor.step():
            pass
        pass_count += 1
    for client in clients:
        client.stop = True
    for client in clients:
        client.thread.join()

    assert [client.failure for client in clients] == [None] * 3
    # A deletion that comes while its record is being copied can miss the copy. That is an orphan
    # then, which maintenance removes as it does others.
    blobs = device.start()
    for orphan in set(list_all(blobs, 7)) - set(device.bodies):
        assert orphan in device.deleted
        blobs.delete(orphan)
    device.check()
