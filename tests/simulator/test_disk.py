"""The simulated disk: what survives a crash, and what doesn't."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rucket.model.errors import DeviceError, StorageFullError
from tests.simulator.errors import ProcessKilled
from tests.simulator.machine import SimulatedMachine
from tests.simulator.scheduler import Scheduler
from tests.simulator.trace import Trace

if TYPE_CHECKING:
    from tests.simulator.disk import SimulatedDisk
    from tests.simulator.process import Process

SEEDS = range(60)
OLD, NEW = b"o" * 8192, b"n" * 8192


class Computer:
    """A machine with a directory and one process at a time."""

    def __init__(self, seed: int = 1) -> None:
        self.machine = SimulatedMachine(Scheduler(seed, Trace()), "machine")
        self.process: Process = self.machine.start("process")
        self.disk: SimulatedDisk = self.machine.device.attach(self.process)
        self.disk.make_directory("/data")

    def cut_power(self) -> None:
        """Cuts power; a new process starts."""
        self.machine.cut_power()
        self.restart()

    def restart(self) -> None:
        """Kills the process; a new one starts."""
        self.process.kill()
        self.process = self.machine.start("process")
        self.disk = self.machine.device.attach(self.process)

    def read(self, path: str) -> bytes | None:
        """All of a file; None if there is none."""
        try:
            file = self.disk.open(path)
        except FileNotFoundError:
            return None
        return file.read_at(0, file.size_bytes())


def write_old_then_new(computer: Computer, *, sync_new: bool) -> None:
    """A durable file with OLD, overwritten with NEW."""
    file = computer.disk.create("/data/file")
    file.write_at(0, [OLD])
    file.sync_data()
    computer.disk.sync_directory("/data")
    file.write_at(0, [NEW[:5000], NEW[5000:]])
    if sync_new:
        file.sync_data()


def test_killed_process_leaves_all_it_wrote() -> None:
    """`kill -9` loses nothing that was written, synced or not."""
    computer = Computer()
    write_old_then_new(computer, sync_new=False)

    computer.restart()

    assert computer.read("/data/file") == NEW


def test_synced_data_survives_a_power_cut() -> None:
    """What `sync_data` has returned for is there, for every seed."""
    for seed in SEEDS:
        computer = Computer(seed)
        write_old_then_new(computer, sync_new=True)
        computer.cut_power()
        assert computer.read("/data/file") == NEW


def test_unsynced_data_is_kept_lost_or_mixed() -> None:
    """Over many seeds a power cut keeps an unsynced write, loses it, and mixes sectors."""
    seen = set()
    for seed in SEEDS:
        computer = Computer(seed)
        write_old_then_new(computer, sync_new=False)
        computer.cut_power()
        found = computer.read("/data/file")
        assert found is not None
        assert set(found) <= set(OLD + NEW)
        seen.add("old" if found == OLD else "new" if found == NEW else "mixed")

    assert seen == {"old", "new", "mixed"}


def test_unsynced_growth_may_be_lost() -> None:
    """A power cut may take the new size, or keep it with zeros where data was lost."""
    sizes = set()
    for seed in SEEDS:
        computer = Computer(seed)
        file = computer.disk.create("/data/file")
        file.write_at(0, [OLD])
        file.sync_data()
        computer.disk.sync_directory("/data")
        file.write_at(len(OLD), [NEW])
        computer.cut_power()
        found = computer.read("/data/file")
        assert found is not None
        assert found[: len(OLD)] == OLD
        assert set(found[len(OLD) :]) <= {0, NEW[0]}
        sizes.add(len(found))

    assert sizes == {len(OLD), len(OLD) + len(NEW)}


def test_name_is_durable_only_after_its_directory_was_synced() -> None:
    """A file whose directory wasn't synced may have no name after a power cut."""
    found: dict[bool, set[bool]] = {True: set(), False: set()}
    for seed in SEEDS:
        for synced in (True, False):
            computer = Computer(seed)
            file = computer.disk.create_unnamed("/data")
            file.write_at(0, [NEW])
            file.sync_data()
            file.link("/data/file")
            if synced:
                computer.disk.sync_directory("/data")
            computer.cut_power()
            found[synced].add(computer.read("/data/file") == NEW)

    assert found == {True: {True}, False: {True, False}}


def test_rename_is_kept_or_lost_as_a_whole() -> None:
    """After a power cut the target is the old file or the new one, and never nothing."""
    seen = set()
    for seed in SEEDS:
        computer = Computer(seed)
        for name, data in (("file", OLD), ("new", NEW)):
            file = computer.disk.create(f"/data/{name}")
            file.write_at(0, [data])
            file.sync_data()
        computer.disk.sync_directory("/data")
        computer.disk.rename("/data/new", "/data/file")
        computer.cut_power()
        seen.add((computer.read("/data/file"), computer.read("/data/new")))

    assert seen == {(OLD, NEW), (NEW, None)}


def test_removed_file_may_come_back() -> None:
    """A removal that wasn't synced may be undone by a power cut."""
    seen = set()
    for seed in SEEDS:
        computer = Computer(seed)
        write_old_then_new(computer, sync_new=True)
        computer.disk.remove("/data/file")
        computer.cut_power()
        seen.add(computer.read("/data/file"))

    assert seen == {NEW, None}


def test_unnamed_file_is_gone_with_its_process() -> None:
    """A file that was never linked leaves neither a name nor used room."""
    computer = Computer()
    free_bytes = computer.disk.free_bytes("/data")
    file = computer.disk.create_unnamed("/data")
    file.write_at(0, [NEW])
    assert computer.disk.free_bytes("/data") < free_bytes

    computer.restart()

    assert computer.disk.list_directory("/data") == []
    assert computer.disk.free_bytes("/data") == free_bytes


def test_failed_sync_forgets_what_it_could_not_write() -> None:
    """After a failed sync a later one succeeds, and still the data may not be there."""
    outcomes = set()
    for seed in SEEDS:
        computer = Computer(seed)
        write_old_then_new(computer, sync_new=False)
        file = computer.disk.open("/data/file", writable=True)
        computer.machine.device.faults.sync_error_rate = 1.0
        with pytest.raises(DeviceError):
            file.sync_data()
        computer.machine.device.faults.sync_error_rate = 0.0
        file.sync_data()
        computer.cut_power()
        outcomes.add(computer.read("/data/file") == NEW)

    assert outcomes == {True, False}


def test_full_disk_refuses_what_was_not_reserved() -> None:
    """Writes beyond the room fail; those into allocated room don't."""
    computer = Computer()
    computer.machine.device.capacity_bytes = 16 * 4096
    file = computer.disk.create("/data/file")
    file.allocate(12 * 4096)
    other = computer.disk.create("/data/other")

    with pytest.raises(StorageFullError):
        other.write_at(0, [bytes(5 * 4096)])
    file.write_at(0, [bytes(12 * 4096)])

    assert file.size_bytes() == 12 * 4096


def test_crash_point_kills_in_the_middle_of_work() -> None:
    """An armed machine crashes right before the chosen operation."""
    computer = Computer()
    file = computer.disk.create("/data/file")
    computer.machine.crash_at_operation(2, computer.process.kill)

    file.write_at(0, [OLD])
    with pytest.raises(ProcessKilled):
        file.write_at(0, [NEW])
    computer.restart()

    assert computer.read("/data/file") == OLD


def test_a_lock_belongs_to_one_open_file_and_ends_with_its_process() -> None:
    """As flock's do: closing, or being killed, gives it back; another open file can't have it."""
    computer = Computer()
    file = computer.disk.create("/data/file")
    assert file.try_lock()
    assert file.try_lock()
    other = computer.disk.open("/data/file")
    assert not other.try_lock()

    file.close()
    assert other.try_lock()
    computer.restart()

    assert computer.disk.open("/data/file").try_lock()
