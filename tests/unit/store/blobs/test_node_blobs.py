"""Blobs on several devices, some of which break."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from rucket.disk.os_disk import OsDisk
from rucket.model.errors import DeviceError, DeviceUnavailableError, StorageFullError
from rucket.runtime.system import SystemRandom
from rucket.store.blobs.blob_ids import new_file_blob_id
from rucket.store.blobs.device_marks import DeviceMarks, Mark
from rucket.store.blobs.device_preparation import DevicePlaces, NodeOfDevices, prepare_devices
from rucket.store.blobs.file_blobs import FileBlobs
from rucket.store.blobs.node_blobs import BlobDevice, NodeBlobs
from tests.simulator.breakable_disk import BreakableDisk, Fault
from tests.unit.fakes import FakeClock, FakeRandom

if TYPE_CHECKING:
    from pathlib import Path

    from rucket.model.names import BlobId
    from rucket.store.blobs.device_records import KnownDevice

_GIB = 1 << 30


class Devices:
    """A node with devices 1, 2 and 3, each with 1 GiB free."""

    def __init__(self, root: Path) -> None:
        self.disk = BreakableDisk(OsDisk())
        self.clock = FakeClock()
        self.paths = {number: str(root / f"device{number}") for number in (1, 2, 3)}
        self.disk.free = dict.fromkeys(self.paths.values(), _GIB)
        self.marks_directory = str(root / "data/marks")
        (root / "data").mkdir()
        places = DevicePlaces(str(root / "data"), str(root / "devices.json"), self.marks_directory)
        node = NodeOfDevices("node", self._make_directories)
        prepare_devices(self.disk, places, node, list(self.paths.values()), SystemRandom())

    def _make_directories(self, device: KnownDevice) -> None:
        FileBlobs(self.disk, device.path, device.number, SystemRandom()).prepare()

    def process(
        self,
        weights: dict[int, float] | None = None,
        classes: dict[int, frozenset[str]] | None = None,
    ) -> NodeBlobs:
        """The blobs as another process of the node sees them."""
        devices = [
            BlobDevice(
                number,
                path,
                FileBlobs(self.disk, path, number, SystemRandom()),
                (weights or {}).get(number, 1.0),
                (classes or {}).get(number, frozenset()),
            )
            for number, path in self.paths.items()
        ]
        marks = DeviceMarks(self.disk, self.marks_directory)
        return NodeBlobs(devices, self.disk, marks, FakeRandom(), self.clock)

    def break_(self, number: int, fault: Fault) -> None:
        self.disk.faults[self.paths[number]] = fault


@pytest.fixture
def devices(tmp_path: Path) -> Devices:
    return Devices(tmp_path)


def _write(blobs: NodeBlobs, data: bytes = b"data", storage_class: str = "STANDARD") -> BlobId:
    writer = blobs.create(storage_class, len(data))
    writer.write(data)
    return writer.finish()


def _read(blobs: NodeBlobs, blob_id: BlobId) -> bytes:
    reader = blobs.open(blob_id)
    try:
        return reader.read(0, reader.size_bytes)
    finally:
        reader.close()


def _write_on_each(blobs: NodeBlobs) -> dict[int, BlobId]:
    found: dict[int, BlobId] = {}
    while len(found) < 3:
        blob_id = _write(blobs)
        found[blobs.device_of(blob_id)] = blob_id
    return found


def test_blobs_are_spread_over_devices_and_found_again(devices: Devices) -> None:
    """By any process, in the order of their ids."""
    blobs = devices.process()
    written = {_write(blobs, b"%d" % number): b"%d" % number for number in range(60)}
    other = devices.process()

    assert len({other.device_of(blob_id) for blob_id in written}) == 3
    assert {blob_id: _read(other, blob_id) for blob_id in written} == written
    listed: list[BlobId] = []
    while page := other.list_ids(listed[-1] if listed else None, 7):
        listed += [blob_id for blob_id, _ in page]
    assert listed == sorted(written)
    for blob_id in written:
        other.delete(blob_id)
    assert other.list_ids(None, 1) == []


def test_weight_and_free_room_decide_how_much_a_device_gets(devices: Devices) -> None:
    """One with the weight 0 gets nothing."""
    devices.disk.free[devices.paths[2]] = _GIB // 4
    blobs = devices.process(weights={3: 0.0})

    count = Counter(blobs.device_of(_write(blobs)) for _ in range(200))

    assert count[3] == 0
    assert 0.7 < count[1] / 200 < 0.9


@pytest.mark.parametrize("fault", [Fault.READ_ONLY, Fault.SYNCS_FAIL])
def test_a_device_that_fails_a_write_is_failed_for_every_process(
    devices: Devices, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    """Also after it works again; what it has is read on. One line in the log says so."""
    blobs, other = devices.process(), devices.process()
    there = _write_on_each(blobs)
    devices.break_(2, fault)
    for _ in range(40):
        try:
            _write(blobs)
        except DeviceUnavailableError:
            assert fault is Fault.SYNCS_FAIL
    devices.disk.faults.clear()

    assert {other.device_of(_write(other)) for _ in range(40)} == {1, 3}
    assert _read(other, there[2]) == b"data"
    assert [record.message for record in caplog.records if "device 2" in record.message] != []
    assert sum("device 2" in record.message for record in caplog.records) == 1


def test_a_write_that_was_refused_goes_to_another_device_at_once(devices: Devices) -> None:
    """The client doesn't notice, as long as no byte was taken."""
    blobs = devices.process()
    devices.break_(1, Fault.READ_ONLY)
    devices.break_(2, Fault.READ_ONLY)

    assert {blobs.device_of(_write(blobs)) for _ in range(20)} == {3}


def test_a_full_device_is_skipped_until_room_returns(devices: Devices) -> None:
    """It isn't failed."""
    blobs = devices.process()
    devices.break_(1, Fault.FULL)
    devices.disk.free[devices.paths[2]] = 0
    assert {blobs.device_of(_write(blobs)) for _ in range(20)} == {3}

    devices.disk.faults.clear()
    devices.disk.free[devices.paths[2]] = _GIB
    devices.clock.now_ms += 1000
    assert {blobs.device_of(_write(blobs)) for _ in range(60)} == {1, 2, 3}


def test_when_all_are_full_there_is_no_room(devices: Devices) -> None:
    """Which is another answer than that all have failed."""
    blobs = devices.process()
    for number in (1, 2, 3):
        devices.break_(number, Fault.FULL)
    with pytest.raises(StorageFullError):
        _write(blobs)

    for number in (1, 2, 3):
        devices.break_(number, Fault.READ_ONLY)
    devices.clock.now_ms += 1000
    with pytest.raises(DeviceUnavailableError, match="no device takes blobs of STANDARD"):
        _write(blobs)


def test_blobs_of_a_lost_device_are_unavailable_and_not_missing(devices: Devices) -> None:
    """All else goes on: reads, writes, lists, deletions."""
    blobs = devices.process()
    there = _write_on_each(blobs)
    devices.break_(2, Fault.GONE)

    with pytest.raises(DeviceUnavailableError, match=r"device 2 \(.*\) is lost"):
        blobs.open(there[2])
    assert _read(blobs, there[1]) == b"data"
    assert {blobs.device_of(_write(blobs)) for _ in range(20)} == {1, 3}
    assert there[2] not in {blob_id for blob_id, _ in blobs.list_ids(None, 1000)}
    blobs.delete(there[2])
    assert DeviceMarks(devices.disk, devices.marks_directory).has(2, Mark.LOST)


def test_a_blob_missing_from_a_device_that_is_there_is_missing(devices: Devices) -> None:
    """Its object was deleted, or it is damage; the device is all right."""
    blobs = devices.process()

    with pytest.raises(FileNotFoundError):
        blobs.open(new_file_blob_id(2, FakeRandom()))
    with pytest.raises(FileNotFoundError):
        blobs.open(new_file_blob_id(99, FakeRandom()))
    assert not DeviceMarks(devices.disk, devices.marks_directory).has(2, Mark.LOST)


def test_an_unreadable_blob_does_not_lose_its_device(devices: Devices) -> None:
    """A bad sector is an error of the read."""
    blobs = devices.process()
    there = _write_on_each(blobs)
    devices.break_(2, Fault.UNREADABLE)

    with pytest.raises(DeviceError) as raised:
        blobs.open(there[2])
    assert not isinstance(raised.value, DeviceUnavailableError)
    assert not DeviceMarks(devices.disk, devices.marks_directory).has(2, Mark.LOST)


def test_a_process_without_file_descriptors_fails_no_device(devices: Devices) -> None:
    """The trouble is its own."""
    blobs = devices.process()
    for number in (1, 2, 3):
        devices.break_(number, Fault.TOO_MANY_OPEN_FILES)
    with pytest.raises(DeviceError):
        _write(blobs)

    devices.disk.faults.clear()
    assert {blobs.device_of(_write(blobs)) for _ in range(60)} == {1, 2, 3}


def test_a_class_goes_to_the_devices_that_name_it(devices: Devices) -> None:
    """One that none names goes to those that name none."""
    classes = {2: frozenset({"STANDARD_IA"}), 3: frozenset({"STANDARD_IA", "GLACIER_IR"})}
    blobs = devices.process(classes=classes)

    def used(storage_class: str) -> set[int]:
        return {blobs.device_of(_write(blobs, b"x", storage_class)) for _ in range(30)}

    assert used("STANDARD") == {1}
    assert used("ONEZONE_IA") == {1}
    assert used("STANDARD_IA") == {2, 3}
    assert used("GLACIER_IR") == {3}


def test_a_blob_is_placed_for_the_classes_of_its_device(devices: Devices) -> None:
    """So that copies share bytes only where their classes share devices."""
    classes = {2: frozenset({"STANDARD_IA"}), 3: frozenset({"STANDARD_IA", "GLACIER_IR"})}
    blobs = devices.process(weights={3: 0.0}, classes=classes)

    placed = {
        number: {
            storage_class
            for storage_class in ("STANDARD", "ONEZONE_IA", "STANDARD_IA", "GLACIER_IR")
            if blobs.is_placed_for(new_file_blob_id(number, FakeRandom()), storage_class)
        }
        for number in (1, 2, 3)
    }

    assert placed == {
        1: {"STANDARD", "ONEZONE_IA"},
        2: {"STANDARD_IA"},
        3: {"STANDARD_IA", "GLACIER_IR"},
    }
