"""What a start does with devices: the table in `device_preparation`."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from rucket.disk.os_disk import OsDisk
from rucket.model.errors import CorruptionError, DataDirectoryError
from rucket.runtime.system import SystemRandom
from rucket.store.blobs.device_marks import DeviceMarks, Mark
from rucket.store.blobs.device_preparation import (
    DevicePlaces,
    NodeOfDevices,
    prepare_devices,
    read_registry,
)
from rucket.store.blobs.file_blobs import FileBlobs
from tests.simulator.breakable_disk import BreakableDisk, Fault

if TYPE_CHECKING:
    from pathlib import Path

    from rucket.store.blobs.device_records import KnownDevice

_NODE = "0123456789abcdef"


class Start:
    """Starts of a node below a directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.disk = BreakableDisk(OsDisk())
        (root / "data").mkdir()
        data = root / "data"
        self.places = DevicePlaces(str(data), str(data / "devices.json"), str(data / "marks"))

    def path(self, name: str) -> str:
        return str(self.root / name)

    def __call__(self, *names: str, node_id: str = _NODE) -> dict[int, str]:
        """The last part of the path of each device after a start with those."""
        paths = [self.path(name) for name in names]
        node = NodeOfDevices(node_id, self._make_directories)
        devices = prepare_devices(self.disk, self.places, node, paths, SystemRandom())
        assert devices == read_registry(self.disk, self.places)
        return {device.number: device.path.rpartition("/")[2] for device in devices}

    def _make_directories(self, device: KnownDevice) -> None:
        FileBlobs(self.disk, device.path, device.number, SystemRandom()).prepare()

    def marks(self) -> set[tuple[int, Mark]]:
        """What a process would see."""
        marks = DeviceMarks(self.disk, self.places.marks)
        return {(number, mark) for number in range(5) for mark in Mark if marks.has(number, mark)}


@pytest.fixture
def start(tmp_path: Path) -> Start:
    return Start(tmp_path)


def test_without_settings_there_is_one_device_in_the_data_directory(start: Start) -> None:
    """Number 0, again and again."""
    assert start() == {0: "blobs"}
    assert start() == {0: "blobs"}
    assert start.marks() == set()


def test_a_data_directory_of_an_earlier_version_becomes_device_0(start: Start) -> None:
    """Its blobs stay where they are, and it stays device 0 when others come."""
    old = start.root / "data/blobs/0a"
    old.mkdir(parents=True)
    (old / ("0a" * 16)).write_bytes(b"blob")

    assert start("new") == {0: "blobs", 1: "new"}
    assert (old / ("0a" * 16)).exists()
    assert (start.root / "data/blobs/device.json").exists()


def test_numbers_are_never_given_out_twice(start: Start) -> None:
    """Whatever comes and goes."""
    assert start("a", "b") == {1: "a", 2: "b"}
    shutil.rmtree(start.path("b"))
    assert start("a", "c") == {1: "a", 2: "b", 3: "c"}
    assert start.marks() == {(2, Mark.LOST)}
    assert start("c", "b2", "a") == {1: "a", 2: "b", 3: "c", 4: "b2"}


def test_a_device_may_be_mounted_elsewhere(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    """It says itself which one it is; two that were swapped are told, and right."""
    start("a", "b")
    (start.root / "a").rename(start.root / "x")
    (start.root / "b").rename(start.root / "a")
    (start.root / "x").rename(start.root / "b")

    assert start("a", "b") == {1: "b", 2: "a"}
    assert "device 1 is at" in caplog.text
    assert start.marks() == set()


def test_an_empty_mount_point_is_no_device(start: Start) -> None:
    """The device isn't mounted: it is lost, and nothing is written beneath its mount point."""
    start("a", "b")
    shutil.rmtree(start.path("b"))
    (start.root / "b").mkdir()

    assert start("a", "b") == {1: "a", 2: "b"}
    assert start.marks() == {(2, Mark.LOST)}
    assert list((start.root / "b").iterdir()) == []


def test_a_lost_device_that_comes_back_is_taken(start: Start) -> None:
    """At the next start."""
    start("a", "b")
    (start.root / "b").rename(start.root / "away")
    start("a", "b")
    (start.root / "away").rename(start.root / "b")

    assert start("a", "b") == {1: "a", 2: "b"}
    assert start.marks() == set()


def test_a_server_without_any_device_does_not_start(start: Start) -> None:
    """It says which are missing."""
    start("a")
    shutil.rmtree(start.path("a"))

    with pytest.raises(DataDirectoryError, match=r"device 1 \(.*/a\)"):
        start("a")


def test_a_device_of_another_node_is_refused(start: Start) -> None:
    """And named."""
    start("a", node_id="another")
    (start.root / "data/devices.json").unlink()

    with pytest.raises(DataDirectoryError, match="belongs to the node another"):
        start("a", "b")


def test_a_copy_of_a_device_is_refused(start: Start) -> None:
    """One of the two would be written to and the other read."""
    start("a", "b")
    shutil.copytree(start.path("a"), start.path("copy"))

    with pytest.raises(DataDirectoryError, match="names twice"):
        start("a", "b", "copy")


def test_another_device_with_a_known_number_is_refused(start: Start) -> None:
    """Of a registry that was restored from before it was made, perhaps."""
    start("a", "b")
    shutil.rmtree(start.path("b"))
    (start.root / "data/devices.json").rename(start.root / "kept")
    start("a", "other")
    (start.root / "kept").rename(start.root / "data/devices.json")

    with pytest.raises(DataDirectoryError, match="which is another one"):
        start("a", "other")


def test_a_new_device_has_to_be_empty(start: Start) -> None:
    """Somebody else may need what is there; what a file system makes itself is fine."""
    (start.root / "a").mkdir()
    (start.root / "a/photos").mkdir()
    (start.root / "b/lost+found").mkdir(parents=True)

    with pytest.raises(DataDirectoryError, match="isn't empty"):
        start("a")
    assert start("b") == {1: "b"}


def test_a_damaged_identity_is_refused(start: Start) -> None:
    """It isn't guessed."""
    start("a", "b")
    path = start.root / "b/device.json"
    document = json.loads(path.read_text())
    document["content"]["number"] = 1
    path.write_text(json.dumps(document))

    with pytest.raises(CorruptionError):
        start("a", "b")


def test_a_start_that_ended_before_a_new_device_was_noted_is_made_good(start: Start) -> None:
    """Even when the devices are named in another order."""
    start("a", "b")
    (start.root / "data/devices.json").unlink()
    shutil.rmtree(start.path("a"))

    assert start("a", "b") == {2: "b", 3: "a"}


@pytest.mark.parametrize("fault", [Fault.READ_ONLY, Fault.SYNCS_FAIL])
def test_a_device_that_cannot_be_written_is_only_read(start: Start, fault: Fault) -> None:
    """Found out by a probe; the next start tries again."""
    start("a", "b")
    start.disk.faults[start.path("b")] = fault
    start("a", "b")
    assert start.marks() == {(2, Mark.FAILED)}

    del start.disk.faults[start.path("b")]
    start("a", "b")
    assert start.marks() == set()


def test_a_full_device_is_all_right(start: Start) -> None:
    """Room may return."""
    start("a", "b")
    start.disk.faults[start.path("b")] = Fault.FULL

    start("a", "b")

    assert start.marks() == set()


def test_a_new_device_that_cannot_be_used_is_refused(start: Start) -> None:
    """The operator has just named it."""
    start.disk.faults[start.path("b")] = Fault.READ_ONLY
    (start.root / "b").mkdir()

    with pytest.raises(DataDirectoryError, match=r"/b can't be used"):
        start("a", "b")


def test_a_prepared_device_takes_blobs(start: Start) -> None:
    """Its directories are there."""
    start("a")
    blobs = FileBlobs(start.disk, start.path("a"), 1, SystemRandom())

    writer = blobs.create("STANDARD", None)
    writer.write(b"data")

    assert blobs.open(writer.finish()).read(0, 4) == b"data"
